# SPDX-License-Identifier: GPL-2.0-only
# bash completion for kvm-exits

_kvm_exits()
{
	# shellcheck disable=SC2034 # _init_completion sets them all
	local cur prev words cword split i
	_init_completion -s || return

	# These options may come before the command.
	local first=1
	while ((first < cword)); do
		case ${words[first]} in
		--vm | --source | --debugfs)
			((first += 2))
			;;
		--vm=* | --source=* | --debugfs=*)
			((first++))
			;;
		*)
			break
			;;
		esac
	done

	local command=${words[first]} options
	local table='--file --duration --vm --source --debugfs'
	case $command in
	stat)
		options="-I --interval -c --count -r --repeat -P --percentiles
			-s --sort -f --filter -p --pid -C --cpu --cgroup
			--warn-if --fail-if --no-own -o --output --json
			--csv $table"
		;;
	top)
		options="-I --interval -c --count -P --percentiles -p --processes
			--per-cpu
			-s --sort -f --filter --json --csv $table"
		;;
	who)
		options="-I --interval -p --pid --cgroup --by -n --rows -c --period
			-F --freq -f --filter --folded --svg -o --output
			--json --file --source"
		;;
	report)
		options="-I --interval -f --filter --per-cpu --html --json --csv
			$table"
		;;
	hist)
		options="-I --interval -f --filter --json $table"
		;;
	save)
		options="-I --interval $table"
		;;
	explain)
		options='--json'
		;;
	record)
		options="-I --interval -c --count $table"
		;;
	diff)
		options='-s --sort -f --filter --json'
		;;
	vms)
		options='-I --interval -c --count -f --filter --json --allow --source
			--debugfs'
		;;
	check)
		options='--json --debugfs'
		;;
	prometheus)
		options="-I --interval --textfile --occurred --vms -f --filter $table"
		;;
	esac

	# The first word that is neither an option nor the argument of an option
	# begins the command to run.
	if [[ $command == stat || $command == who || $command == report ]]; then
		for ((i = first + 1; i < cword; i++)); do
			case ${words[i]} in
			--)
				((i++))
				break
				;;
			-I | --interval | -c | --count | -r | --repeat | -s | \
				--sort | -f | --filter | -o | --output | \
				-p | --pid | -C | --cpu | --cgroup | --warn-if | \
				--fail-if | --file | --duration | --vm | --source | \
				--debugfs | \
				--by | -n | --rows | --period | -F | --freq | --svg | \
				--html)
				((i++))
				;;
			-*)
				;;
			*)
				break
				;;
			esac
		done
		if ((i < cword)) || [[ $prev == -- ]]; then
			_command_offset "$i"
			return
		fi
	fi

	case $prev in
	-s | --sort)
		mapfile -t COMPREPLY < <(compgen -W 'time exits average name' -- "$cur")
		return
		;;
	-o | --output | --html | --textfile | --svg | --file | --debugfs)
		_filedir
		return
		;;
	--source)
		mapfile -t COMPREPLY < <(compgen -W 'record file leaves debugfs
			tracepoints' -- "$cur")
		return
		;;
	-p | --pid)
		if [[ $command == stat || $command == who ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(ps axo pid=)" -- "$cur")
			return
		fi
		;;
	--by)
		mapfile -t COMPREPLY < <(compgen -W \
			'reason what process code cgroup cpu pid' -- "$cur")
		return
		;;
	--cgroup)
		mapfile -t COMPREPLY < <(cd /sys/fs/cgroup && compgen -d -- "$cur")
		return
		;;
	-I | --interval | -c | --count | -r | --repeat | -f | --filter | --vm | \
		-C | --cpu | --warn-if | --fail-if | --allow | -n | --rows | \
		--period | -F | --freq | --duration)
		return
		;;
	esac

	if ((cword == first)); then
		mapfile -t COMPREPLY < <(compgen -W 'stat top who report hist explain
			save record diff vms prometheus check help
			--help --version' -- "$cur")
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	elif [[ $command == help ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'stat top who report hist explain
			save record diff vms prometheus check' -- "$cur")
	elif [[ $command == explain || $command == hist ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
			"$(kvm-exits explain 2>/dev/null)" -- "$cur")
	elif [[ $command == save || $command == record || $command == diff ]]; then
		_filedir
	elif [[ $command == stat || $command == who || $command == report ]]; then
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	fi
} &&
	complete -F _kvm_exits kvm-exits

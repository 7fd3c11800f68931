# SPDX-License-Identifier: GPL-2.0-only
# bash completion for kvm-exits

_kvm_exits()
{
	# shellcheck disable=SC2034 # _init_completion sets them all
	local cur prev words cword split i
	_init_completion -s || return

	local command=${words[1]} options
	case $command in
	stat)
		options='-I --interval -c --count -s --sort -o --output
			 --json --csv --file'
		;;
	top)
		options='-I --interval -c --count -s --sort --json --csv --file'
		;;
	report)
		options='--json --csv --file'
		;;
	prometheus)
		options='--textfile --file'
		;;
	esac

	# The first word of stat's that is neither an option nor its argument
	# begins another command.
	if [[ $command == stat ]]; then
		for ((i = 2; i < cword; i++)); do
			case ${words[i]} in
			--)
				((i++))
				break
				;;
			-I | --interval | -c | --count | -s | --sort | \
				-o | --output | --file)
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
	-o | --output | --textfile | --file)
		_filedir
		return
		;;
	-I | --interval | -c | --count)
		return
		;;
	esac

	if ((cword == 1)); then
		mapfile -t COMPREPLY < <(compgen -W 'stat top report prometheus
			--help --version' -- "$cur")
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	elif [[ $command == stat ]]; then
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	fi
} &&
	complete -F _kvm_exits kvm-exits

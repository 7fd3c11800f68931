/* SPDX-License-Identifier: GPL-2.0-only */
/* bpf_helpers.h has all that is needed. */

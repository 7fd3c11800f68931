#include <asm/vmx.h>

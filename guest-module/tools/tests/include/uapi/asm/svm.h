#include <asm/svm.h>

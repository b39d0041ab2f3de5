// Answers like an NCCL 2.28.3, or of the version that FAKE_NCCL_VERSION says.
#include <stdlib.h>

int ncclGetVersion(int* version) {
  const char* asked = getenv("FAKE_NCCL_VERSION");
  *version = asked != NULL ? atoi(asked) : 22803;
  return 0;
}

// A libcudnn.so.9 that is too old: every function that the program wants, and version 9.0.
#include <stddef.h>

size_t cudnnGetVersion(void) { return 90000; }
void cudnnGetErrorString(void) {}
void cudnnGetLastErrorString(void) {}
void cudnnCreate(void) {}
void cudnnDestroy(void) {}
void cudnnSetStream(void) {}
void cudnnBackendCreateDescriptor(void) {}
void cudnnBackendDestroyDescriptor(void) {}
void cudnnBackendSetAttribute(void) {}
void cudnnBackendGetAttribute(void) {}
void cudnnBackendFinalize(void) {}
void cudnnBackendExecute(void) {}

/* Stand-in for libnvidia-ml.so.1 in tests without a GPU: four devices, of which the second and the
 * third are joined by four NVLinks and the others reach all over the CPU's PCIe bridge only. What it
 * says is made up; that the calls and the layout of their structures are the real ones is what the
 * tests hold. */
#include <stdio.h>
#include <string.h>

enum { SUCCESS, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3 };
enum { DEVICES = 4, LINKS = 4, HOST_BRIDGE = 30 };

struct memory { unsigned long long total, available, used; };
struct pci {
  char legacy[16];
  unsigned domain, bus, device, id, subsystem;
  char bus_id[32];
};

static int devices[DEVICES] = {0, 1, 2, 3};
static int open;

int nvmlInit_v2(void) { open = 1; return SUCCESS; }
int nvmlShutdown(void) { open = 0; return SUCCESS; }
const char *nvmlErrorString(int code) { return code == UNINITIALIZED ? "Uninitialized" : "Invalid Argument"; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "580.1"); return SUCCESS; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 13000; return SUCCESS; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = DEVICES; return open ? SUCCESS : UNINITIALIZED; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
  if (index >= DEVICES) return INVALID_ARGUMENT;
  *handle = &devices[index];
  return SUCCESS;
}

static int index_of(void *handle) { return *(int *)handle; }

int nvmlDeviceGetUUID(void *handle, char *text, unsigned size) {
  snprintf(text, size, "GPU-0000000%d", index_of(handle));
  return SUCCESS;
}

int nvmlDeviceGetName(void *handle, char *text, unsigned size) {
  memset(text, 'x', size); /* what is behind the zero means nothing */
  snprintf(text, size, "Stand-in %d", index_of(handle));
  return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *handle, struct memory *memory) {
  memory->total = 80ull << 30;
  memory->available = (70ull - index_of(handle)) << 30;
  memory->used = memory->total - memory->available;
  return SUCCESS;
}

static void bus_id(int index, struct pci *pci) {
  memset(pci, 0, sizeof *pci);
  pci->bus = index + 1;
  snprintf(pci->bus_id, sizeof pci->bus_id, "00000000:0%d:00.0", index + 1);
}

int nvmlDeviceGetPciInfo_v3(void *handle, struct pci *pci) {
  bus_id(index_of(handle), pci);
  return SUCCESS;
}

int nvmlDeviceGetTopologyCommonAncestor(void *a, void *b, int *level) {
  *level = HOST_BRIDGE;
  return index_of(a) == index_of(b) ? INVALID_ARGUMENT : SUCCESS;
}

int nvmlDeviceGetNvLinkState(void *handle, unsigned link, int *state) {
  if (index_of(handle) == 0 || index_of(handle) == 3) return NOT_SUPPORTED;
  if (link >= LINKS) return INVALID_ARGUMENT;
  *state = 1;
  return SUCCESS;
}

int nvmlDeviceGetNvLinkRemotePciInfo_v2(void *handle, unsigned link, struct pci *pci) {
  (void)link;
  bus_id(index_of(handle) == 1 ? 2 : 1, pci);
  return SUCCESS;
}

int nvmlDeviceGetP2PStatus(void *a, void *b, int what, int *status) {
  (void)a, (void)b, (void)what;
  *status = 1;
  return SUCCESS;
}

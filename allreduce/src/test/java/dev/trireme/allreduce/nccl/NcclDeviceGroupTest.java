package dev.trireme.allreduce.nccl;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.TensorBuffer;

/** With buffers on devices, of messages too, which then travel by way of the host. */
class NcclDeviceGroupTest extends NcclGroupTest {
  @Override
  protected TensorBuffer allocate(ProcessGroup group, DType dtype, long count) {
    return NcclGroups.onDevice(group, dtype, count);
  }

  /** On a device all memory is alike to the group. */
  @Override
  protected TensorBuffer own(ProcessGroup group, DType dtype, long count) {
    return NcclGroups.onDevice(group, dtype, count);
  }

  /** Each waits twice for its device. */
  @Override
  protected int messages() {
    return 40;
  }
}

package dev.trireme.allreduce.cuda;

import dev.trireme.api.tensor.Device;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;

/**
 * A mark in a stream.
 *
 * <p>Threading: any thread; the device must be the calling thread's.
 */
public final class CudaEvent implements AutoCloseable {
  private final Device device;
  private final CUevent_st event = new CUevent_st();
  private boolean closed;

  /** Makes it on the calling thread's device, which must be this one. */
  public CudaEvent(Device device) {
    this.device = device;
    Cuda.check(
        cudart.cudaEventCreateWithFlags(event, cudart.cudaEventDisableTiming),
        device,
        "the making of an event");
  }

  CUevent_st handle() {
    return event;
  }

  /** Marks the end of what is in the stream now. */
  public void record(CudaStream stream) {
    record(stream.handle());
  }

  /** The same in the compute stream. */
  public void recordCompute() {
    record((CUstream_st) null);
  }

  private void record(CUstream_st stream) {
    Cuda.check(cudart.cudaEventRecord(event, stream), device, "the recording of an event");
  }

  /**
   * Whether what the mark stands behind has been done. Never blocks.
   *
   * @throws IllegalStateException when the device has failed
   */
  public boolean isDone() {
    int code = cudart.cudaEventQuery(event);
    if (code == cudart.cudaErrorNotReady) {
      return false;
    }
    Cuda.check(code, device, "work before an event");
    return true;
  }

  /** Repeats are ignored. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      cudart.cudaEventDestroy(event);
    }
  }
}

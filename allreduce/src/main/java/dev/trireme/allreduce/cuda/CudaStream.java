package dev.trireme.allreduce.cuda;

import dev.trireme.api.tensor.Device;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;

/**
 * A stream of its own on a device, which does not wait for the compute stream nor hold it up.
 *
 * <p>Threading: any thread; the device must be the calling thread's.
 */
public final class CudaStream implements AutoCloseable {
  private final Device device;
  private final CUstream_st stream = new CUstream_st();
  private boolean closed;

  /** Makes it on the calling thread's device, which must be this one. */
  public CudaStream(Device device) {
    this.device = device;
    Cuda.check(
        cudart.cudaStreamCreateWithFlags(stream, cudart.cudaStreamNonBlocking),
        device,
        "the making of a stream");
  }

  /** For calls of the libraries. */
  public CUstream_st handle() {
    return stream;
  }

  /** Has what is put here from now on wait for the event. */
  public void await(CudaEvent event) {
    Cuda.check(
        cudart.cudaStreamWaitEvent(stream, event.handle(), 0), device, "the wait for an event");
  }

  /** Copies in the order of this stream. */
  public void copy(long from, long to, long bytes) {
    if (bytes > 0) {
      Cuda.check(
          cudart.cudaMemcpyAsync(
              new Address(to), new Address(from), bytes, cudart.cudaMemcpyDefault, stream),
          device,
          "a copy of " + bytes + " bytes");
    }
  }

  /** Whether all that was put here has been done; so it is too on a device that has failed. */
  public boolean isDrained() {
    return cudart.cudaStreamQuery(stream) != cudart.cudaErrorNotReady;
  }

  /** Whether the device reports no error of its own: one that it has reported it always does. */
  public boolean isWell() {
    int code = cudart.cudaStreamQuery(stream);
    return code == cudart.cudaSuccess || code == cudart.cudaErrorNotReady;
  }

  /** Ends the stream; repeats are ignored. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      cudart.cudaStreamDestroy(stream);
    }
  }
}

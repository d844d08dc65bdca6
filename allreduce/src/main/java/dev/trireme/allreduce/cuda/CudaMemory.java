package dev.trireme.allreduce.cuda;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.Pointer;

/**
 * Memory of the host and of CUDA devices, through the runtime. The compute stream is the legacy
 * default stream of the device, where libtorch computes unless told otherwise.
 *
 * <p>Threading and errors: as {@link DeviceMemory}. A call makes the buffer's device the calling
 * thread's and leaves it so; a rank has one device. What was done on a device shows its failures
 * late, so an error may be that of an operation before.
 */
public final class CudaMemory implements DeviceMemory {
  private static final CUstream_st COMPUTE = null;

  private final Device device;

  // Never closed: cuBLAS waits for the whole device then, where something may be stuck.
  private final Map<Device, Optional<Adder>> adders = new HashMap<>();

  private static final class CudaPiece implements Piece {
    private final TensorBuffer buffer;
    private final AtomicBoolean freed = new AtomicBoolean();

    CudaPiece(TensorBuffer buffer) {
      this.buffer = buffer;
    }

    @Override
    public TensorBuffer buffer() {
      return buffer;
    }

    @Override
    public void close() {
      if (buffer.address() == 0 || !freed.compareAndSet(false, true)) {
        return;
      }
      Address address = new Address(buffer.address());
      if (buffer.device().equals(Device.CPU)) {
        cudart.cudaFreeHost(address);
      } else {
        Cuda.use(buffer.device());
        cudart.cudaFree(address);
      }
    }
  }

  /**
   * Loads the runtime.
   *
   * @param device for page-locked memory and for copies that touch no device
   * @throws CudaUnavailableException when a library is missing or no device answers
   */
  public CudaMemory(Device device) {
    Cuda.load();
    this.device = device;
    Cuda.use(device);
  }

  @Override
  public synchronized Optional<Adder> adder(Device on) {
    if (on.kind() != Device.Kind.CUDA) {
      return Optional.empty();
    }
    return adders.computeIfAbsent(on, CudaAdder::open);
  }

  @Override
  public Piece allocate(Device on, DType dtype, long count) {
    Piece piece = allocateDirty(on, dtype, count);
    enqueueZero(piece.buffer());
    return piece;
  }

  /**
   * The same without zeroing, which is in the order of the compute stream: for those who use memory
   * in the order of another stream.
   */
  public Piece allocateDirty(Device on, DType dtype, long count) {
    long bytes = Math.multiplyExact(count, (long) dtype.bytes());
    if (bytes == 0) {
      return new CudaPiece(new TensorBuffer(0, dtype, count, on));
    }
    boolean host = on.equals(Device.CPU);
    Cuda.use(host ? device : on);
    // Both calls write the address into the pointer itself.
    Pointer made = new Pointer();
    int code = host ? cudart.cudaMallocHost(made, bytes) : cudart.cudaMalloc(made, bytes);
    Cuda.check(
        code,
        host ? device : on,
        "an allocation of "
            + bytes
            + " bytes ("
            + count
            + " "
            + dtype
            + ") of "
            + (host ? "page-locked memory of the host" : "the device"));
    return new CudaPiece(new TensorBuffer(made.address(), dtype, count, on));
  }

  @Override
  public void copy(TensorBuffer from, TensorBuffer to) {
    enqueueCopy(from, to);
    if (from.device().kind() == Device.Kind.CUDA) {
      synchronize(from.device());
    }
    if (to.device().kind() == Device.Kind.CUDA && !to.device().equals(from.device())) {
      synchronize(to.device());
    }
  }

  @Override
  public void enqueueCopy(TensorBuffer from, TensorBuffer to) {
    from.requireSameElements(to);
    if (from.byteCount() == 0) {
      return;
    }
    if (from.device().equals(Device.CPU) && to.device().equals(Device.CPU)) {
      NativeMemory.copy(from.address(), to.address(), from.byteCount());
      return;
    }
    // The order that counts is that of the device read from, or of the one written to from the
    // host.
    Device ordering = from.device().kind() == Device.Kind.CUDA ? from.device() : to.device();
    Cuda.use(ordering);
    Cuda.check(
        cudart.cudaMemcpyAsync(
            new Address(to.address()),
            new Address(from.address()),
            from.byteCount(),
            cudart.cudaMemcpyDefault,
            COMPUTE),
        ordering,
        "a copy of " + from.byteCount() + " bytes from " + from.device() + " to " + to.device());
  }

  @Override
  public void enqueueZero(TensorBuffer buffer) {
    if (buffer.byteCount() == 0) {
      return;
    }
    if (buffer.device().equals(Device.CPU)) {
      NativeMemory.fill(buffer.address(), buffer.byteCount(), (byte) 0);
      return;
    }
    Cuda.use(buffer.device());
    Cuda.check(
        cudart.cudaMemsetAsync(new Address(buffer.address()), 0, buffer.byteCount(), COMPUTE),
        buffer.device(),
        "the zeroing of " + buffer.byteCount() + " bytes");
  }

  @Override
  public void synchronize(Device on) {
    if (on.kind() == Device.Kind.CUDA) {
      Cuda.use(on);
      Cuda.check(cudart.cudaStreamSynchronize(COMPUTE), on, "work on the compute stream");
    }
  }
}

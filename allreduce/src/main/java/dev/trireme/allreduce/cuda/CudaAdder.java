package dev.trireme.allreduce.cuda;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.Optional;
import org.bytedeco.cuda.cublas.cublasContext;
import org.bytedeco.cuda.global.cublas;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Adds with cuBLAS, which libtorch on a device needs anyway: {@code y = 1 * x + y}, whose product
 * is exact, so that the sum alone is rounded. What cuBLAS keeps for it lasts as long as the
 * process.
 *
 * <p>Threading: any, one at a time inside cuBLAS. Errors: as {@link DeviceMemory}.
 */
final class CudaAdder implements DeviceMemory.Adder {
  private static final Logger LOG = LoggerFactory.getLogger(CudaAdder.class);

  private final Device device;
  private final cublasContext handle;
  private final FloatPointer one = new FloatPointer(1f);
  private final DoublePointer preciseOne = new DoublePointer(1d);

  private CudaAdder(Device device, cublasContext handle) {
    this.device = device;
    this.handle = handle;
  }

  /** Loads cuBLAS; without it there is no adder, which the log says. */
  static Optional<DeviceMemory.Adder> open(Device device) {
    try {
      Loader.load(cublas.class);
      Cuda.use(device);
      cublasContext handle = new cublasContext();
      int status = cublas.cublasCreate_v2(handle);
      if (status == cublas.CUBLAS_STATUS_SUCCESS) {
        return Optional.of(new CudaAdder(device, handle));
      }
      LOG.warn("{}: cuBLAS does not start: {}; sums are made on the host", device, text(status));
    } catch (LinkageError | RuntimeException e) {
      LOG.warn("{}: {}; sums are made on the host", device, Cuda.missing("libcublas.so.13", e));
    }
    return Optional.empty();
  }

  @Override
  public synchronized void enqueueAdd(TensorBuffer from, TensorBuffer onto) {
    from.requireSameElements(onto);
    if (!from.device().equals(device) || !onto.device().equals(device)) {
      throw new IllegalArgumentException(
          "expected two tensors of " + device + ", found " + from + " and " + onto);
    }
    if (from.count() == 0) {
      return;
    }
    Cuda.use(device);
    int type = type(from.dtype());
    boolean precise = type == cudart.CUDA_R_64F;
    Pointer factor = precise ? preciseOne : one;
    int inside = precise ? cudart.CUDA_R_64F : cudart.CUDA_R_32F;
    int status =
        cublas.cublasAxpyEx_64(
            handle,
            from.count(),
            factor,
            inside,
            new Address(from.address()),
            type,
            1,
            new Address(onto.address()),
            type,
            1,
            inside);
    if (status != cublas.CUBLAS_STATUS_SUCCESS) {
      throw new IllegalStateException(
          device
              + ": the addition of "
              + from.count()
              + " "
              + from.dtype()
              + " failed: "
              + text(status));
    }
  }

  private static int type(DType dtype) {
    return switch (dtype) {
      case FLOAT32 -> cudart.CUDA_R_32F;
      case FLOAT64 -> cudart.CUDA_R_64F;
      case FLOAT16 -> cudart.CUDA_R_16F;
      case BFLOAT16 -> cudart.CUDA_R_16BF;
      case INT32, INT64, UINT8 ->
          throw new IllegalArgumentException("expected a floating-point dtype, found " + dtype);
    };
  }

  private static String text(int status) {
    return cublas.cublasGetStatusString(status).getString() + " (cuBLAS status " + status + ")";
  }
}

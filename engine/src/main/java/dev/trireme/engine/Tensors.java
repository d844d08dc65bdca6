package dev.trireme.engine;

import dev.trireme.api.engine.EngineException;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Between libtorch's tensors and the addresses that the rest of Trireme speaks of. */
final class Tensors {
  private Tensors() {}

  /** A pointer to memory that somebody else owns. */
  private static final class Address extends Pointer {
    Address(long address) {
      super((Pointer) null);
      this.address = address;
    }
  }

  /** A tensor over {@code buffer}'s own memory, which must outlive it. */
  static Tensor wrap(TensorBuffer buffer, Shape shape) {
    try (TensorOptions options = options(buffer.dtype(), buffer.device())) {
      return torch.from_blob(new Address(buffer.address()), shape.toArray(), options);
    }
  }

  /** Fresh zeros in the host's memory. */
  static Tensor zeros(Shape shape, DType dtype) {
    return zeros(shape, dtype, Device.CPU);
  }

  /** Fresh zeros in memory of {@code device}. */
  static Tensor zeros(Shape shape, DType dtype, Device device) {
    try (TensorOptions options = options(dtype, device)) {
      return torch.zeros(shape.toArray(), options);
    }
  }

  private static TensorOptions options(DType dtype, Device device) {
    TensorOptions options = new TensorOptions(scalarType(dtype));
    if (device.kind() == Device.Kind.CPU) {
      return options;
    }
    try (options;
        org.bytedeco.pytorch.Device on = device(device);
        DeviceOptional there = new DeviceOptional(on)) {
      return options.device(there);
    }
  }

  /** A device as libtorch names it. */
  static org.bytedeco.pytorch.Device device(Device device) {
    return new org.bytedeco.pytorch.Device(deviceType(device), (byte) device.index());
  }

  static DeviceType deviceType(Device device) {
    return device.kind() == Device.Kind.CUDA ? DeviceType.CUDA : DeviceType.CPU;
  }

  /** The same values in memory of {@code device}; waits until they are there. */
  static Tensor moved(Tensor tensor, Device device) {
    try (org.bytedeco.pytorch.Device to = device(device)) {
      return tensor.to(to, type(tensor));
    }
  }

  /**
   * The values of a contiguous tensor, where they stand.
   *
   * @param device whose memory that is, which is dear to ask a tensor for
   */
  static TensorBuffer buffer(TensorBase tensor, Device device) {
    return new TensorBuffer(
        tensor.data_ptr().address(), dtype(type(tensor)), tensor.numel(), device);
  }

  /** The same with a name. */
  static NamedTensor named(String name, TensorBase tensor, Device device) {
    return new NamedTensor(name, shape(tensor), buffer(tensor, device));
  }

  /** The element type; JavaCPP's own getter gives an object that equals no constant. */
  static ScalarType type(TensorBase tensor) {
    return tensor.scalar_type().intern();
  }

  static Shape shape(TensorBase tensor) {
    long[] sizes = new long[(int) tensor.dim()];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = tensor.size(i);
    }
    return Shape.of(sizes);
  }

  static ScalarType scalarType(DType dtype) {
    return switch (dtype) {
      case FLOAT32 -> ScalarType.Float;
      case FLOAT64 -> ScalarType.Double;
      case BFLOAT16 -> ScalarType.BFloat16;
      case FLOAT16 -> ScalarType.Half;
      case INT32 -> ScalarType.Int;
      case INT64 -> ScalarType.Long;
      case UINT8 -> ScalarType.Byte;
    };
  }

  private static DType dtype(ScalarType type) {
    return switch (type) {
      case Float -> DType.FLOAT32;
      case Double -> DType.FLOAT64;
      case BFloat16 -> DType.BFLOAT16;
      case Half -> DType.FLOAT16;
      case Int -> DType.INT32;
      case Long -> DType.INT64;
      case Byte -> DType.UINT8;
      default ->
          throw new EngineException(
              "expected a tensor of one of the types "
                  + List.of(DType.values())
                  + ", found "
                  + type);
    };
  }
}

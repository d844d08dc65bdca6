package dev.trireme.engine;

import dev.trireme.api.job.TrainSpec.Precision;
import dev.trireme.api.tensor.Device;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * libtorch's autocast around a forward: operators that gain from it (matrix products, convolutions)
 * get their inputs and weights as a 16-bit type, those that need the range or the precision get
 * float32. Weights themselves stay float32, and so do their gradients.
 *
 * <p>Source: Micikevicius et al., "Mixed precision training" (2018). Threading: the state is that
 * of the calling thread, and is put back before {@link #run} returns.
 */
final class Autocast {
  private final DeviceType device;
  private final Optional<ScalarType> type;

  Autocast(Device device, Precision precision) {
    this.device = Tensors.deviceType(device);
    this.type =
        switch (precision) {
          case FLOAT32 -> Optional.empty();
          case BF16 -> Optional.of(ScalarType.BFloat16);
          case FP16 -> Optional.of(ScalarType.Half);
        };
  }

  /** What {@code forward} gives, in float32. */
  Tensor run(Supplier<Tensor> forward) {
    if (type.isEmpty()) {
      return forward.get();
    }
    torch.set_autocast_dtype(device, type.get());
    torch.set_autocast_enabled(device, true);
    Tensor output;
    try {
      output = forward.get();
    } finally {
      torch.set_autocast_enabled(device, false);
      // It holds this step's weights in 16 bits, which the optimizer is about to outdate.
      torch.clear_cache();
    }
    return Tensors.type(output) == type.get() ? output.to(ScalarType.Float) : output;
  }
}

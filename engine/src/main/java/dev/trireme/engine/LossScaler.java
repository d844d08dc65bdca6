package dev.trireme.engine;

import dev.trireme.api.engine.EngineException;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.Shape;
import dev.trireme.engine.StateDict.Role;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The {@link LossScale} of a replica, kept in the optimizer's state, and what it does to gradients.
 * Whether a step is good is read from the reduced gradients, which are the same bits on every rank,
 * so that all ranks decide alike without a word.
 *
 * <p>Threading: one thread at a time. Blocking: {@link #unscale} waits for the device once.
 */
final class LossScaler {
  private static final Logger LOG = LoggerFactory.getLogger(LossScaler.class);

  private final Tensor scale;
  private final Tensor goodSteps;
  private final Tensor notFinite;
  private final OperatorHandle unscale;

  /**
   * @param state of the optimizer, which keeps this one's too
   */
  @SuppressWarnings("try") // a scope does its work by being open
  LossScaler(StateDict state, Device device) {
    try (PointerScope scope = new PointerScope()) {
      scale =
          state.add("scaler.scale", Tensors.zeros(Shape.of(), DType.FLOAT32, device), Role.BUFFER);
      goodSteps =
          state.add(
              "scaler.good_steps", Tensors.zeros(Shape.of(), DType.INT64, device), Role.BUFFER);
      notFinite = state.own(Tensors.zeros(Shape.of(), DType.FLOAT32, device));
      unscale =
          state.own(
              Dispatcher.singleton()
                  .findSchemaOrThrow("aten::_amp_foreach_non_finite_check_and_unscale_", ""));
      put(LossScale.INITIAL);
    }
  }

  /** Multiplies what backward starts from, where it stands. */
  void scale(Tensor start) {
    start.mul_(scale);
  }

  /**
   * Takes the scale out of reduced gradients and adapts it.
   *
   * @return whether the gradients are finite; else the step's update must be left out
   * @throws EngineException when they are not although the scale is as small as it gets
   */
  @SuppressWarnings("try") // a scope does its work by being open
  boolean unscale(List<Tensor> gradients) {
    if (gradients.isEmpty()) {
      return true;
    }
    try (PointerScope scope = new PointerScope()) {
      notFinite.zero_();
      unscale.callBoxed(
          new IValueVector(
              Optimizer.list(gradients), new IValue(notFinite), new IValue(scale.reciprocal())));
      boolean finite = notFinite.item_float() == 0;
      LossScale before = new LossScale(scale.item_double(), goodSteps.item_long());
      if (!finite && before.isSmallest()) {
        throw new EngineException(
            "train.precision: fp16: gradients are not finite even with the loss scaled by "
                + before.scale()
                + "; training has diverged: lower the learning rate, set train.clipGradNorm, or use"
                + " bf16");
      }
      LossScale after = before.after(finite);
      if (!finite) {
        LOG.info(
            "gradients are not finite with the loss scaled by {}: this step's update is left out,"
                + " the next scale is {}",
            before.scale(),
            after.scale());
      }
      put(after);
      return finite;
    }
  }

  private void put(LossScale value) {
    try (Scalar s = new Scalar((float) value.scale());
        Scalar n = new Scalar(value.goodSteps())) {
      scale.fill_(s);
      goodSteps.fill_(n);
    }
  }
}

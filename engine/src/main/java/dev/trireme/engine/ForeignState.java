package dev.trireme.engine;

import dev.trireme.api.engine.EngineException;
import dev.trireme.engine.StateDict.Entry;
import dev.trireme.engine.StateDict.Role;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Takes the tensors of modules that Trireme did not build into a state dict.
 *
 * <p>A tensor may have several names, as tied weights have. All of them are in the state dict, as
 * in PyTorch's, so that a checkpoint can be loaded by any of them; but only the first is a
 * parameter (or a statistic, or a count): what is one tensor is updated once.
 */
final class ForeignState {
  private final String origin;
  private final StateDict state = new StateDict();
  private final Set<Long> taken = new HashSet<>();

  /**
   * @param origin of the module, for messages: the key of the job spec
   */
  ForeignState(String origin) {
    this.origin = origin;
  }

  StateDict state() {
    return state;
  }

  /** Adds a parameter; one that wants no gradient is kept as a buffer. */
  void parameter(String name, Tensor tensor) {
    boolean trained = tensor.requires_grad();
    if (trained && Tensors.type(tensor) != ScalarType.Float) {
      throw new EngineException(
          origin
              + ": expected parameters of float32, found "
              + name
              + " of "
              + Tensors.type(tensor));
    }
    add(name, tensor, trained ? Role.PARAMETER : Role.BUFFER);
  }

  /**
   * Adds a buffer. Running means and variances by BatchNorm's names are statistics that ranks
   * average, and its count of batches is a count of updates; every other buffer is taken to be the
   * same on all ranks.
   */
  void buffer(String name, Tensor tensor) {
    add(name, tensor, bufferRole(name));
  }

  private static Role bufferRole(String name) {
    if (name.endsWith("running_mean") || name.endsWith("running_var")) {
      return Role.STATISTIC;
    }
    return name.endsWith("num_batches_tracked") ? Role.UPDATE_COUNT : Role.BUFFER;
  }

  /** What was collected, once all is in. */
  StateDict complete() {
    if (state.entries(role -> role == Role.PARAMETER).isEmpty()) {
      throw new EngineException(
          origin
              + ": expected at least one parameter that wants a gradient, found none; was the"
              + " module frozen?");
    }
    return state;
  }

  /** The counts of updates in {@code state}, for {@link #uncounted}. */
  static List<Tensor> counts(StateDict state) {
    return state.entries(role -> role == Role.UPDATE_COUNT).stream().map(Entry::tensor).toList();
  }

  /**
   * Runs a forward in training and puts back what it has counted. PyTorch's BatchNorm counts its
   * forwards; how many of them a step has differs from rank to rank, while the ranks' states must
   * not. Updates are counted instead.
   *
   * @param counts of updates; copies of them belong to the caller's scope
   */
  static Tensor uncounted(List<Tensor> counts, Supplier<Tensor> forward) {
    List<Tensor> before = counts.stream().map(Tensor::clone).toList();
    Tensor output = forward.get();
    for (int i = 0; i < before.size(); i++) {
      counts.get(i).copy_(before.get(i));
    }
    return output;
  }

  private void add(String name, Tensor tensor, Role role) {
    if (!tensor.is_contiguous()) {
      throw new EngineException(
          origin + ": expected contiguous tensors, found " + name + " with other strides");
    }
    // A handle of our own: the one given is part of a list that goes away.
    boolean first = taken.add(tensor.unsafeGetTensorImpl().address());
    state.add(name, new Tensor(tensor), first ? role : Role.BUFFER);
  }
}

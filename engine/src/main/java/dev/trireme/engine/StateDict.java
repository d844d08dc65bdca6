package dev.trireme.engine;

import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NamedTensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * The tensors that make up a model, by PyTorch's names, in order of definition. Owns them.
 *
 * <p>Threading: one thread at a time.
 */
final class StateDict implements AutoCloseable {
  private final List<Entry> entries = new ArrayList<>();
  private final List<Pointer> owned = new ArrayList<>();
  private Device device = Device.CPU;

  /** What a tensor is to training. */
  enum Role {
    /** The optimizer changes it. */
    PARAMETER,
    /** Forward changes it from the rank's own part of the batch. */
    STATISTIC,
    /** The number of updates; the same on every rank. */
    UPDATE_COUNT,
    /** Anything else that belongs to the model's state, and further names of a tensor. */
    BUFFER
  }

  /**
   * @param name as {@code 3.weight}
   * @param tensor contiguous, on the device of the state dict
   */
  record Entry(String name, Tensor tensor, Role role) {}

  /**
   * Adds a tensor and keeps it alive until {@link #close}.
   *
   * @return the tensor that was given
   */
  Tensor add(String name, Tensor tensor, Role role) {
    Tensor kept = own(tensor);
    if (role == Role.PARAMETER) {
      kept.set_requires_grad(true);
    }
    entries.add(new Entry(name, kept, role));
    return kept;
  }

  /**
   * Keeps something that goes with the tensors alive until {@link #close}, whatever scope it was
   * made in.
   *
   * @return what was given
   */
  <P extends Pointer> P own(P pointer) {
    pointer.retainReference();
    owned.add(pointer);
    return pointer;
  }

  /** The entries of these roles. */
  List<Entry> entries(Predicate<Role> roles) {
    return entries.stream().filter(entry -> roles.test(entry.role())).toList();
  }

  /** The tensors of these roles, as others see them. */
  List<NamedTensor> named(Predicate<Role> roles) {
    return entries(roles).stream()
        .map(entry -> Tensors.named(entry.name(), entry.tensor(), device))
        .toList();
  }

  /**
   * Moves every tensor's values to {@code to}. The tensors stay the same objects, so that whatever
   * module holds them computes there from now on; their addresses change.
   *
   * <p>Source: what {@code torch::nn::Module::to} does with parameters and buffers.
   */
  @SuppressWarnings("try") // a scope does its work by being open
  void moveTo(Device to) {
    if (device.equals(to)) {
      return;
    }
    device = to;
    try (PointerScope scope = new PointerScope()) {
      for (Entry entry : entries) {
        entry.tensor().set_data(Tensors.moved(entry.tensor().detach(), to));
      }
    }
  }

  /** Where the tensors are. */
  Device device() {
    return device;
  }

  @Override
  public void close() {
    entries.clear();
    owned.forEach(Pointer::releaseReference);
    owned.clear();
  }
}

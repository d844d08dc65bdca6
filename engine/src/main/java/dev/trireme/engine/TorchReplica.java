package dev.trireme.engine;

import dev.trireme.api.data.Batch;
import dev.trireme.api.engine.GradientSink;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.TrainSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.engine.StateDict.Entry;
import dev.trireme.engine.StateDict.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** A network with its loss and its optimizer. */
final class TorchReplica implements Replica {
  /** Of memory that libtorch allocates. */
  private static final int ALIGNMENT_BYTES = 64;

  private final Network network;
  private final LossFunction loss;
  private final Optimizer optimizer;
  private final Gradients gradients;
  private final Generator generator;
  private final OptionalDouble clipNorm;
  private final List<Parameter> parameters;
  private final List<NamedTensor> statistics;
  private final List<NamedTensor> modelState;
  private final List<NamedTensor> optimizerState;
  private final List<Tensor> updateCounts;
  private final Tensor scale;
  private List<Tensor> reduced = List.of();
  private Optional<Forwarded> forwarded = Optional.empty();

  /**
   * A forward that waits for its backward.
   *
   * @param sum the loss with its graph; empty when the batch was
   * @param scale of the gradients
   */
  private record Forwarded(Optional<Tensor> sum, double scale) {}

  TorchReplica(Network network, LossFunction loss, TrainSpec train) {
    this.network = network;
    this.loss = loss;
    List<Entry> trained = network.state().entries(role -> role == Role.PARAMETER);
    this.optimizer = new Optimizer(train.optimizer(), trained);
    this.gradients = new Gradients(trained.stream().map(Entry::tensor).toList());
    this.generator = torch.getDefaultCPUGenerator().retainReference();
    this.clipNorm = train.clipGradNorm().map(OptionalDouble::of).orElse(OptionalDouble.empty());
    this.scale = Tensors.zeros(Shape.of(), DType.FLOAT32).retainReference();
    this.parameters = parameters(trained);
    this.statistics = network.state().named(role -> role == Role.STATISTIC);
    this.modelState = network.state().named(role -> true);
    this.optimizerState = optimizer.state().named(role -> true);
    this.updateCounts =
        network.state().entries(role -> role == Role.UPDATE_COUNT).stream()
            .map(Entry::tensor)
            .toList();
  }

  private static List<Parameter> parameters(List<Entry> trained) {
    List<Parameter> parameters = new ArrayList<>();
    for (Entry entry : trained) {
      parameters.add(new Parameter(parameters.size(), Tensors.named(entry.name(), entry.tensor())));
    }
    return List.copyOf(parameters);
  }

  @Override
  public List<Parameter> parameters() {
    return parameters;
  }

  @Override
  public List<NamedTensor> statistics() {
    return statistics;
  }

  @Override
  @SuppressWarnings("try") // a scope does its work by being open
  public Loss forward(Batch batch, long seed) {
    dropForwarded();
    if (batch.size() == 0) {
      forwarded = Optional.of(new Forwarded(Optional.empty(), 0));
      return Loss.NONE;
    }
    if (network.drawsAtRandom()) {
      generator.set_current_seed(seed);
    }
    try (PointerScope scope = new PointerScope()) {
      LossFunction.Computed computed = loss.compute(network.forward(aligned(batch), true), batch);
      Tensor sum = computed.sum().retainReference();
      forwarded =
          Optional.of(
              new Forwarded(Optional.of(sum), 1.0 / batch.globalSize() / computed.valuesPerItem()));
      return new Loss(computed.lossSum(), computed.correct(), batch.size());
    } catch (RuntimeException e) {
      dropForwarded();
      throw Failures.at("forward", e);
    }
  }

  /**
   * A batch's features where kernels like them: some of libtorch's libraries add up in another
   * order from an address that is not aligned, and the part of a batch begins anywhere.
   */
  private static Tensor aligned(Batch batch) {
    Tensor features = Tensors.wrap(batch.features(), batch.featureShape());
    return batch.features().address() % ALIGNMENT_BYTES == 0 ? features : features.clone();
  }

  @Override
  public void backward(GradientSink sink) {
    Forwarded from =
        forwarded.orElseThrow(
            () -> new IllegalStateException("backward was called without a forward before it"));
    forwarded = Optional.empty();
    if (from.sum().isEmpty()) {
      gradients.nothing(sink);
      return;
    }
    Tensor sum = from.sum().get();
    try (Scalar factor = new Scalar((float) from.scale())) {
      scale.fill_(factor);
      gradients.backward(sum, scale, sink);
    } finally {
      sum.releaseReference();
    }
  }

  @Override
  public void bindGradients(List<TensorBuffer> buffers) {
    if (buffers.size() != parameters.size()) {
      throw new IllegalArgumentException(
          "expected " + parameters.size() + " reduced gradients, found " + buffers.size());
    }
    for (int i = 0; i < buffers.size(); i++) {
      TensorBuffer own = parameters.get(i).tensor().data();
      TensorBuffer given = buffers.get(i);
      if (own.dtype() != given.dtype()
          || own.count() != given.count()
          || !own.device().equals(given.device())) {
        throw new IllegalArgumentException(
            parameters.get(i).tensor().name()
                + ": expected a reduced gradient of "
                + describe(own)
                + ", found "
                + describe(given));
      }
    }
    unbind();
    List<Tensor> bound = new ArrayList<>();
    for (int i = 0; i < buffers.size(); i++) {
      bound.add(Tensors.wrap(buffers.get(i), parameters.get(i).tensor().shape()).retainReference());
    }
    reduced = List.copyOf(bound);
  }

  private static String describe(TensorBuffer buffer) {
    return buffer.count() + " x " + buffer.dtype() + " on " + buffer.device();
  }

  @Override
  @SuppressWarnings("try") // a scope does its work by being open
  public void optimize(double learningRate) {
    if (reduced.size() != parameters.size()) {
      throw new IllegalStateException("optimize was called before bindGradients");
    }
    if (!(learningRate > 0)) {
      throw new IllegalArgumentException("expected a learning rate above 0, found " + learningRate);
    }
    try (PointerScope scope = new PointerScope()) {
      clipNorm.ifPresent(this::clip);
      optimizer.update(reduced, learningRate);
      Scalar one = new Scalar(1);
      updateCounts.forEach(count -> count.add_(one));
    } catch (RuntimeException e) {
      throw Failures.at("optimizer", e);
    }
  }

  /** Pascanu et al. (2013), in PyTorch's form: the norm is that of all gradients together. */
  private void clip(double largest) {
    double squares = 0;
    for (Tensor gradient : reduced) {
      double norm = gradient.norm().item_double();
      squares += norm * norm;
    }
    double factor = largest / (Math.sqrt(squares) + 1e-6);
    if (factor < 1) {
      Scalar scalar = new Scalar(factor);
      reduced.forEach(gradient -> gradient.mul_(scalar));
    }
  }

  @Override
  @SuppressWarnings("try") // a scope does its work by being open
  public Loss evaluate(Batch batch) {
    if (batch.size() == 0) {
      return Loss.NONE;
    }
    try (PointerScope scope = new PointerScope();
        NoGradGuard guard = new NoGradGuard()) {
      Tensor input = Tensors.wrap(batch.features(), batch.featureShape());
      LossFunction.Computed computed = loss.compute(network.forward(input, false), batch);
      return new Loss(computed.lossSum(), computed.correct(), batch.size());
    } catch (RuntimeException e) {
      throw Failures.at("evaluation", e);
    }
  }

  @Override
  public List<NamedTensor> modelState() {
    return modelState;
  }

  @Override
  public List<NamedTensor> optimizerState() {
    return optimizerState;
  }

  @Override
  public long nativeBytes() {
    return Math.max(0, Pointer.physicalBytes() - Runtime.getRuntime().totalMemory());
  }

  private void dropForwarded() {
    forwarded.flatMap(Forwarded::sum).ifPresent(Tensor::releaseReference);
    forwarded = Optional.empty();
  }

  private void unbind() {
    reduced.forEach(Tensor::releaseReference);
    reduced = List.of();
  }

  @Override
  public void close() {
    dropForwarded();
    unbind();
    gradients.close();
    optimizer.close();
    scale.releaseReference();
    generator.releaseReference();
    network.close();
  }
}

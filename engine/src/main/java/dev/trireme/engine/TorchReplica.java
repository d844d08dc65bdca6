package dev.trireme.engine;

import dev.trireme.api.data.Batch;
import dev.trireme.api.engine.EngineException;
import dev.trireme.api.engine.GradientSink;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.TrainSpec;
import dev.trireme.api.job.TrainSpec.Precision;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
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
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A network with its loss and its optimizer. */
final class TorchReplica implements Replica {
  private final Network network;
  private final LossFunction loss;
  private final Optimizer optimizer;
  private final Gradients gradients;
  private final Device device;
  private final BatchFeed feed;
  private final Autocast autocast;
  private final Optional<LossScaler> scaler;
  private final Generator generator;
  private final OptionalDouble clipNorm;
  private final List<Parameter> parameters;
  private final List<Integer> tables;
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
   * @param batch it was given
   * @param sum the loss with its graph; empty when the batch was
   * @param scale of the gradients
   */
  private record Forwarded(Batch batch, Optional<Tensor> sum, double scale) {}

  /**
   * @param network whose tensors are where the replica is to compute; the replica's from now on
   */
  TorchReplica(Network network, LossFunction loss, TrainSpec train) {
    this.network = network;
    this.loss = loss;
    this.device = network.state().device();
    this.feed = device.equals(Device.CPU) ? new HostFeed() : new DeviceFeed(device);
    this.autocast = new Autocast(device, train.precision());
    List<Entry> trained = network.state().entries(role -> role == Role.PARAMETER);
    this.optimizer = new Optimizer(train.optimizer(), trained, device);
    this.scaler =
        train.precision() == Precision.FP16
            ? Optional.of(new LossScaler(optimizer.state(), device))
            : Optional.empty();
    this.gradients = new Gradients(trained.stream().map(Entry::tensor).toList(), device);
    this.generator = torch.getDefaultCPUGenerator().retainReference();
    this.clipNorm = train.clipGradNorm().map(OptionalDouble::of).orElse(OptionalDouble.empty());
    this.scale = Tensors.zeros(Shape.of(), DType.FLOAT32, device).retainReference();
    this.parameters = parameters(trained);
    this.tables =
        parameters.stream()
            .filter(p -> network.tables().contains(p.tensor().name()))
            .map(Parameter::index)
            .toList();
    this.statistics = network.state().named(role -> role == Role.STATISTIC);
    this.modelState = network.state().named(role -> true);
    this.optimizerState = optimizer.state().named(role -> true);
    this.updateCounts =
        network.state().entries(role -> role == Role.UPDATE_COUNT).stream()
            .map(Entry::tensor)
            .toList();
  }

  private List<Parameter> parameters(List<Entry> trained) {
    List<Parameter> parameters = new ArrayList<>();
    for (Entry entry : trained) {
      parameters.add(
          new Parameter(parameters.size(), Tensors.named(entry.name(), entry.tensor(), device)));
    }
    return List.copyOf(parameters);
  }

  @Override
  public List<Parameter> parameters() {
    return parameters;
  }

  @Override
  public List<Integer> tables() {
    return tables;
  }

  @Override
  public List<NamedTensor> statistics() {
    return statistics;
  }

  @Override
  public void prepare(Batch next) {
    feed.prepare(next);
  }

  @Override
  @SuppressWarnings("try") // a scope does its work by being open
  public Loss forward(Batch batch, long seed) {
    dropForwarded();
    if (batch.size() == 0) {
      forwarded = Optional.of(new Forwarded(batch, Optional.empty(), 0));
      return Loss.NONE;
    }
    if (network.drawsAtRandom()) {
      seed(seed);
    }
    try (PointerScope scope = new PointerScope()) {
      LossFunction.Computed computed = compute(batch, true);
      Tensor sum = computed.sum().retainReference();
      forwarded =
          Optional.of(
              new Forwarded(
                  batch, Optional.of(sum), 1.0 / batch.globalSize() / computed.valuesPerItem()));
      return computed.loss(batch.size());
    } catch (RuntimeException e) {
      dropForwarded();
      throw OutOfMemory.explained("forward", e, batch);
    }
  }

  /** Both generators: a model on a device may do some of its work on the host. */
  private void seed(long seed) {
    generator.set_current_seed(seed);
    if (!device.equals(Device.CPU)) {
      torch.cuda_manual_seed(seed);
    }
  }

  private LossFunction.Computed compute(Batch batch, boolean training) {
    BatchFeed.Inputs inputs = training ? feed.inputs(batch) : feed.unprepared(batch);
    Tensor output = autocast.run(() -> network.forward(inputs.features(), training));
    return loss.compute(output, inputs.labels(), batch);
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
      scaler.ifPresent(s -> s.scale(scale));
      gradients.backward(sum, scale, sink);
    } catch (EngineException e) {
      throw OutOfMemory.explained("backward", e, from.batch());
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
    feed.forget();
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
      if (scaler.isEmpty() || scaler.get().unscale(reduced)) {
        clipNorm.ifPresent(this::clip);
        optimizer.update(reduced, learningRate);
      }
      Scalar one = new Scalar(1);
      updateCounts.forEach(count -> count.add_(one));
    } catch (RuntimeException e) {
      throw OutOfMemory.explained("optimizer", e);
    }
  }

  @Override
  @SuppressWarnings("try") // a scope does its work by being open
  public void counted(long updates) {
    try (PointerScope scope = new PointerScope()) {
      Scalar number = new Scalar(updates);
      updateCounts.forEach(count -> count.fill_(number));
    }
  }

  /** Pascanu et al. (2013), in PyTorch's form: the norm is that of all gradients together. */
  private void clip(double largest) {
    Tensor squares = Tensors.zeros(Shape.of(), DType.FLOAT64, device);
    for (Tensor gradient : reduced) {
      squares.add_(gradient.norm().to(ScalarType.Double).square());
    }
    double factor = largest / (Math.sqrt(squares.item_double()) + 1e-6);
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
      return compute(batch, false).loss(batch.size());
    } catch (RuntimeException e) {
      throw OutOfMemory.explained("evaluation", e, batch);
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
    long host = Math.max(0, Pointer.physicalBytes() - Runtime.getRuntime().totalMemory());
    return device.equals(Device.CPU) ? host : host + Cuda.allocatedBytes(device);
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
    feed.close();
    generator.releaseReference();
    network.close();
  }
}

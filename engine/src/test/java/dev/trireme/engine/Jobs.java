package dev.trireme.engine;

import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.DataSpec;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.LossKind;
import dev.trireme.api.job.ModelSpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.ScheduleSpec;
import dev.trireme.api.job.TrainSpec;
import dev.trireme.api.job.TrainSpec.Precision;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import java.util.List;
import java.util.Optional;

/** Job specs for tests. */
record Jobs(
    ModelSpec model,
    LossKind loss,
    OptimizerSpec optimizer,
    long seed,
    double clip,
    Precision precision) {
  static final OptimizerSpec SGD = new OptimizerSpec.Sgd(0.01, 0, false, 0);

  /** A job with these layers, cross-entropy, plain SGD, seed 1 and no clipping. */
  static Jobs layers(LayerSpec... layers) {
    return new Jobs(
        new ModelSpec(List.of(layers), Optional.empty(), Optional.empty(), Optional.empty()),
        LossKind.CROSS_ENTROPY,
        SGD,
        1,
        0,
        Precision.FLOAT32);
  }

  static Jobs model(ModelSpec model) {
    return new Jobs(model, LossKind.CROSS_ENTROPY, SGD, 1, 0, Precision.FLOAT32);
  }

  /** 784-512-256-10 with ReLU. */
  static Jobs mlp() {
    return layers(
        new LayerSpec.Flatten(),
        linear(512),
        new LayerSpec.Relu(),
        linear(256),
        new LayerSpec.Relu(),
        linear(10));
  }

  /** Two convolutions, a pool and two linear layers. */
  static Jobs cnn() {
    return layers(
        conv(32),
        new LayerSpec.Relu(),
        conv(64),
        new LayerSpec.Relu(),
        new LayerSpec.MaxPool2d(2, Optional.empty()),
        new LayerSpec.Flatten(),
        linear(128),
        new LayerSpec.Relu(),
        linear(10));
  }

  static LayerSpec linear(int out) {
    return new LayerSpec.Linear(out, true);
  }

  static LayerSpec conv(int out) {
    return new LayerSpec.Conv2d(out, 3, 1, 0, true);
  }

  static DatasetInfo images() {
    return data(Shape.of(1, 28, 28), 10);
  }

  static DatasetInfo data(Shape item, int classes) {
    return new DatasetInfo(1000, item, DType.FLOAT32, classes);
  }

  Jobs with(LossKind other) {
    return new Jobs(model, other, optimizer, seed, clip, precision);
  }

  Jobs with(OptimizerSpec other) {
    return new Jobs(model, loss, other, seed, clip, precision);
  }

  Jobs withSeed(long other) {
    return new Jobs(model, loss, optimizer, other, clip, precision);
  }

  Jobs withClip(double norm) {
    return new Jobs(model, loss, optimizer, seed, norm, precision);
  }

  Jobs with(Precision other) {
    return new Jobs(model, loss, optimizer, seed, clip, other);
  }

  JobSpec spec() {
    DatasetSpec items = new DatasetSpec.Strokes(1000, 1);
    DataSpec data = new DataSpec(items, Optional.empty(), ".", 128, 500, 2, Optional.empty());
    TrainSpec train =
        new TrainSpec(
            Optional.of(1),
            Optional.empty(),
            seed,
            loss,
            optimizer,
            new ScheduleSpec.Constant(),
            0,
            clip > 0 ? Optional.of(clip) : Optional.empty(),
            TrainSpec.Determinism.FIXED,
            TrainSpec.LOGICAL_SHARDS,
            Optional.empty(),
            precision);
    ParallelSpec parallel =
        new ParallelSpec(
            new WorkerCount(1, 1),
            // Float16 is for devices; a replica made by hand computes where its network is.
            precision == Precision.FP16
                ? ParallelSpec.DeviceKind.CUDA
                : ParallelSpec.DeviceKind.AUTO,
            ParallelSpec.SyncKind.ALLREDUCE,
            Optional.empty(),
            25 << 20,
            1 << 20,
            60);
    CheckpointSpec checkpoint =
        new CheckpointSpec(Optional.empty(), 3, Optional.empty(), Optional.empty());
    return new JobSpec("test", model, Optional.empty(), data, train, parallel, checkpoint);
  }
}

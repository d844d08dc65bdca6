package dev.trireme.protocol;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.job.AlgorithmRow;
import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.CompressionSpec;
import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.DataSpec;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.LossKind;
import dev.trireme.api.job.ModelSpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.ParameterServerSpec;
import dev.trireme.api.job.ProgramSpec;
import dev.trireme.api.job.S3Spec;
import dev.trireme.api.job.ScheduleSpec;
import dev.trireme.api.job.TrainSpec;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.api.train.Progress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** One message of every type, with every record of a job spec somewhere among them. */
final class SampleMessages {
  private static final Stamp STAMP = new Stamp(3, 7);

  private SampleMessages() {}

  static List<Message> all() {
    List<Message> all = new ArrayList<>(ofCoordinator());
    all.addAll(ofAgent());
    all.addAll(toRank());
    reports().forEach(all::add);
    all.addAll(stored());
    all.addAll(ofStores());
    return all;
  }

  private static List<Message> ofStores() {
    Stored.JobRecord job = (Stored.JobRecord) stored().get(1);
    return List.of(
        new StoreMessage.Prepare(3),
        new StoreMessage.Promised(true, 3, List.of(new StoreMessage.Head("job-1", 2, 5))),
        new StoreMessage.Fetch("job-1"),
        new StoreMessage.Fetched(Optional.of(job)),
        new StoreMessage.Fetched(Optional.empty()),
        new StoreMessage.Keep(3, job),
        new StoreMessage.Forget(3, "job-1"),
        new StoreMessage.Confirm(3),
        new StoreMessage.Kept("the disk is full"));
  }

  private static List<Message> ofCoordinator() {
    List<Message> messages = new ArrayList<>();
    messages.add(new CoordinatorToAgent.AgentAccepted(STAMP, "coordinator-1"));
    jobs()
        .forEach(
            job ->
                messages.add(
                    new CoordinatorToAgent.StartRanks(
                        STAMP,
                        "job-1",
                        job,
                        "name: x\n",
                        "/runs/1",
                        3,
                        List.of(0, 2),
                        Long.MIN_VALUE,
                        List.of(new CoordinatorToAgent.Survivor(2, 4711)),
                        StateSource.rank(2),
                        new Backing(
                            ParallelSpec.DeviceKind.CUDA,
                            ParallelSpec.BackendKind.NCCL,
                            "a device each"),
                        List.of(new Stored.GenerationRecord(1, 2, Optional.of(1L))))));
    messages.add(
        new CoordinatorToAgent.TellRanks(
            STAMP, "job-1", List.of(), new AgentToRank.StopAfterStep(STAMP, "größer ☃ 😀")));
    messages.add(new CoordinatorToAgent.EndRanks(STAMP, "job-1", 0, "cancelled"));
    messages.add(new CoordinatorToAgent.EndRanks(STAMP, "job-1", 0, "frozen", List.of(1)));
    messages.add(new CoordinatorToAgent.PrepareRanks(STAMP, "job-1", 2));
    messages.add(new CoordinatorToAgent.OpenProbe(STAMP, 1, -7));
    messages.add(
        new CoordinatorToAgent.RunProbe(STAMP, 1, List.of(new Probe.Target("b", "10.0.0.8:41"))));
    messages.add(
        new CoordinatorToAgent.HarmRank(STAMP, "job-1", 9, HarmKind.DROP_LINK, 1, 20_000, true));
    messages.add(new CoordinatorToAgent.Heard(STAMP, 17));
    return messages;
  }

  private static List<Message> ofAgent() {
    List<Message> messages = new ArrayList<>();
    messages.add(new AgentToCoordinator.RegisterAgent("a", "host", 4, 8, 0, Long.MAX_VALUE));
    messages.add(
        new AgentToCoordinator.RegisterAgent(
            "a",
            "host",
            4,
            8,
            0,
            1,
            List.of(
                new HostDevice(
                    0,
                    "GPU-0",
                    "A device",
                    80L << 30,
                    79L << 30,
                    "0000:01:00.0",
                    List.of(new HostDevice.Link(1, HostDevice.LinkKind.NVLINK, 18)))),
            "",
            "10.0.0.7",
            64L << 30,
            2));
    messages.add(new AgentToCoordinator.RankStarted("a", "job-1", 1, 0, 4711));
    messages.add(new AgentToCoordinator.SparesReady("a", "job-1", 2));
    messages.add(
        new AgentToCoordinator.ProbeOpened(
            "a", 1, "10.0.0.7:41", new Probe.Host("17", "1.51", 1L << 30, 8), ""));
    messages.add(
        new AgentToCoordinator.ProbeDone(
            "a",
            1,
            List.of(
                new Probe.Way("b", 45.5, 1e9, -3, 0.01, "", 2e9, ""),
                Probe.Way.failed("c", "no"))));
    messages.add(new AgentToCoordinator.RanksRefused("a", "job-1", 1, "data.path /data"));
    messages.add(new AgentToCoordinator.HarmAnswered("a", "job-1", 9, 4711, "frozen", ""));
    messages.add(
        new AgentToCoordinator.Inventory(
            "a", List.of(new AgentToCoordinator.RankThere("job-1", 3, 0))));
    messages.add(new AgentToCoordinator.LeaseOver("a", "job-1", 3));
    messages.add(new AgentToCoordinator.Leaving("a"));
    messages.add(
        new AgentToCoordinator.Said(
            "a", "5f", 16, 17, new AgentToCoordinator.LeaseOver("a", "job-1", 3)));
    reports().forEach(r -> messages.add(new AgentToCoordinator.FromRank("a", "job-1", 1, 1, r)));
    messages.add(
        new AgentToCoordinator.RankExited(
            "a",
            "job-1",
            1,
            1,
            new AgentToCoordinator.RankExit(
                4711, 137, false, "killed by SIGKILL", List.of("last", "", "lines"))));
    return messages;
  }

  private static List<Message> toRank() {
    return List.of(
        new AgentToRank.Join(
            STAMP,
            "job-1",
            jobs().get(0),
            "name: x\n",
            "/runs/1",
            1,
            1,
            2,
            2,
            new AgentToRank.Transport(
                "/dev/shm/a",
                "/dev/shm/s",
                1 << 30,
                16,
                -1,
                Optional.of(new AgentToRank.Network("a", "10.0.0.7"))),
            StateSource.CHECKPOINT,
            Backing.HOST,
            List.of(new Stored.GenerationRecord(1, 2, Optional.of(1L)))),
        new AgentToRank.Contacts(STAMP, List.of("id", "")),
        new AgentToRank.StopAfterStep(STAMP, ""),
        new AgentToRank.CheckpointAfterStep(STAMP),
        new AgentToRank.AbortGeneration(STAMP, "rank 1 is gone"),
        new AgentToRank.CheckpointGrant(STAMP, 1200, false, "superseded"),
        new AgentToRank.LackRoom(STAMP, 500),
        new AgentToRank.Release());
  }

  private static List<Message> stored() {
    return List.of(
        new Stored.TermRecord(Long.MAX_VALUE),
        new Stored.JobRecord(
            "job-1",
            2,
            5,
            jobs().get(1),
            "name: x\n",
            "/runs/1",
            "somebody",
            1_800_000_000_000L,
            JobState.STOPPING,
            "cancelled",
            List.of(
                new Stored.GenerationRecord(1, 2, Optional.of(1L)),
                new Stored.GenerationRecord(2, 1, Optional.empty())),
            List.of(new Stored.FailureRecord(1_800_000_000_001L, List.of("a", "b"), true)),
            Optional.of(
                new Stored.FormationRecord(
                    2,
                    List.of(new Stored.Place("a", "host", List.of(0))),
                    Backing.HOST,
                    -1,
                    List.of(new CoordinatorToAgent.Survivor(0, 4711)),
                    StateSource.CHECKPOINT)),
            Optional.of(JobState.FAILED),
            Optional.of(new Stored.Wish(3, Optional.of(1)))));
  }

  private static List<RankReport> reports() {
    Progress progress = new Progress(1200, new Cursor(2, 600));
    return List.of(
        new RankReport.Hello(1, 4711),
        new RankReport.Ready(progress, "step-00001200", 2400, 600, 4, 1_199_882),
        new RankReport.Samples(
            60_000, List.of(new SampleRange(3, 7, 9, new Cursor(1, 512), 128, 300))),
        new RankReport.Samples(1, List.of()),
        new RankReport.Committed(
            1, Cursor.START, 128, 2.3, 0.01, Double.NaN, 1L << 40, 1 << 20, 4 << 20),
        new RankReport.Committed(
                1, Cursor.START, 128, 2.3, 0.01, Double.NaN, 1L << 40, 1 << 20, 4 << 20)
            .with(Map.of("staleness.2", 17.0)),
        new RankReport.BucketsTuned(65_536, 1 << 20, "name: x\n"),
        new RankReport.EpochEnded(0, 600, 0.5, Double.NaN, Double.NEGATIVE_INFINITY, 8.25),
        new RankReport.ShardWritten(1200),
        new RankReport.CheckpointFinished(1200, "/c/step-1200", 0.01, 0.2, 4096, ""),
        new RankReport.Finished(
            progress, 2, true, Map.of("loss", 0.1, "accuracy", 0.99), "ab12", 19_600.5),
        new RankReport.Finished(Progress.START, 0, false, Map.of(), "", Double.NaN),
        new RankReport.Failed(7, "rank 1 was waited for", 1, false),
        new RankReport.Joined(8),
        new RankReport.Contact("0badcafe"),
        new RankReport.BackendRefused("no libnccl.so.2"),
        new RankReport.Parked(6, true, "rank 1 was waited for", 1));
  }

  /** Jobs that between them hold every record a job spec can hold. */
  static List<JobSpec> jobs() {
    DataSpec small =
        new DataSpec(
            new DatasetSpec.Strokes(1000, -5),
            Optional.of(
                new DatasetSpec.Ratings("r.csv", DatasetSpec.Ratings.Part.VALIDATION, 20, 7)),
            ".",
            128,
            500,
            2,
            Optional.of(new DataSpec.NormalizeSpec(0.13, 0.31)));
    JobSpec layers =
        new JobSpec(
            "layers",
            new ModelSpec(everyLayer(), Optional.empty(), Optional.empty(), Optional.empty()),
            Optional.of(new ProgramSpec("com.acme.Loop", Optional.of("loop.jar"))),
            small,
            train(new OptimizerSpec.Sgd(0.1, 0.9, true, 1e-4), new ScheduleSpec.Step(10, 0.5)),
            parallel(new WorkerCount(1, 4)),
            new CheckpointSpec(
                Optional.of(200L),
                Optional.of(2.5),
                3,
                Optional.of(1000L),
                Optional.of(1L << 40),
                4,
                Optional.of("s3://bucket/c"),
                Optional.of("checkpoints"),
                Optional.of(
                    new S3Spec(Optional.of("http://h:1"), Optional.of("eu-central-1"), true))));
    DataSpec files =
        new DataSpec(
            new DatasetSpec.Idx("i.gz", "l.gz"),
            Optional.of(new DatasetSpec.Idx("ei", "el")),
            "data",
            64,
            100,
            1,
            Optional.empty());
    JobSpec torchscript =
        new JobSpec(
            "torchscript",
            new ModelSpec(
                List.of(),
                Optional.of("m.pt"),
                Optional.empty(),
                Optional.empty(),
                Optional.of("w.safetensors")),
            Optional.empty(),
            files,
            train(
                new OptimizerSpec.Adam(1e-3, 0.9, 0.999, 1e-8, 0),
                new ScheduleSpec.OneCycle(0.3, 25, 1e4)),
            parallel(new WorkerCount(2, 2)),
            new CheckpointSpec(Optional.empty(), 3, Optional.empty(), Optional.empty()));
    JobSpec cosine = with(torchscript, new ScheduleSpec.Cosine(0.1));
    JobSpec constant = with(torchscript, new ScheduleSpec.Constant());
    return List.of(
        layers,
        torchscript,
        compressed(cosine, new CompressionSpec.PowerSgd(2, 100)),
        compressed(cosine, new CompressionSpec.TopK(0.05)),
        compressed(constant, new CompressionSpec.Float16()),
        compressed(constant, new CompressionSpec.Bfloat16()),
        served(constant, new ConsistencySpec.Bsp(1)),
        served(constant, new ConsistencySpec.Ssp(3)),
        served(constant, new ConsistencySpec.Asp()));
  }

  private static JobSpec served(JobSpec job, ConsistencySpec consistency) {
    ParallelSpec plain = job.parallel();
    return new JobSpec(
        job.name(),
        job.model(),
        job.program(),
        job.data(),
        new TrainSpec(
            Optional.of(2),
            Optional.empty(),
            1,
            LossKind.BCE_WITH_LOGITS,
            new OptimizerSpec.Adagrad(1e-2, 1e-10, 0),
            job.train().schedule(),
            5,
            Optional.empty()),
        new ParallelSpec(
            new WorkerCount(2, 2),
            plain.device(),
            ParallelSpec.SyncKind.PARAMETER_SERVER,
            plain.threads(),
            plain.bucketSize(),
            plain.firstBucketSize(),
            plain.timeoutSeconds(),
            new CompressionSpec.None(),
            List.of(),
            ParallelSpec.BackendKind.AUTO,
            Optional.of(new ParameterServerSpec(3, 1, consistency, false)),
            Optional.of(2),
            Optional.of(4L << 30),
            Optional.empty()),
        job.checkpoint());
  }

  private static JobSpec compressed(JobSpec job, CompressionSpec compression) {
    ParallelSpec plain = job.parallel();
    return new JobSpec(
        job.name(),
        job.model(),
        job.program(),
        job.data(),
        job.train(),
        new ParallelSpec(
            plain.workers(),
            plain.device(),
            plain.sync(),
            plain.threads(),
            plain.bucketSize(),
            plain.firstBucketSize(),
            plain.timeoutSeconds(),
            compression,
            List.of(
                new AlgorithmRow(2, Optional.of(64L << 10), AlgorithmRow.Algorithm.TREE),
                new AlgorithmRow(2, Optional.empty(), AlgorithmRow.Algorithm.RING))),
        job.checkpoint());
  }

  private static JobSpec with(JobSpec job, ScheduleSpec schedule) {
    return new JobSpec(
        job.name(),
        job.model(),
        job.program(),
        job.data(),
        train(new OptimizerSpec.AdamW(1e-3, 0.9, 0.999, 1e-8, 1e-2), schedule),
        job.parallel(),
        job.checkpoint());
  }

  private static TrainSpec train(OptimizerSpec optimizer, ScheduleSpec schedule) {
    return new TrainSpec(
        Optional.of(2),
        Optional.empty(),
        Long.MIN_VALUE,
        LossKind.BCE_WITH_LOGITS,
        optimizer,
        schedule,
        5,
        Optional.of(1.0));
  }

  private static ParallelSpec parallel(WorkerCount workers) {
    return new ParallelSpec(
        workers,
        ParallelSpec.DeviceKind.CPU,
        ParallelSpec.SyncKind.ALLREDUCE,
        Optional.of(1),
        25 << 20,
        1 << 20,
        60);
  }

  private static List<LayerSpec> everyLayer() {
    return List.of(
        new LayerSpec.Conv2d(32, 3, 1, 0, true),
        new LayerSpec.MaxPool2d(2, Optional.empty()),
        new LayerSpec.AvgPool2d(2, Optional.of(1)),
        new LayerSpec.BatchNorm(1e-5, 0.1),
        new LayerSpec.LayerNorm(1e-5),
        new LayerSpec.Dropout(0.5),
        new LayerSpec.Embedding(10, 4),
        new LayerSpec.Factorization(10, 4, 3.5),
        new LayerSpec.Relu(),
        new LayerSpec.Gelu(),
        new LayerSpec.Tanh(),
        new LayerSpec.Sigmoid(),
        new LayerSpec.Softmax(),
        new LayerSpec.Flatten(),
        new LayerSpec.Reshape(List.of(-1L, 4L)),
        new LayerSpec.Residual(
            List.of(
                new LayerSpec.Residual(List.of(new LayerSpec.Relu())),
                new LayerSpec.Linear(10, false))));
  }
}

package dev.trireme.protocol;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.KryoException;
import com.esotericsoftware.kryo.Registration;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.util.DefaultClassResolver;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.job.AlgorithmRow;
import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.CompressionSpec;
import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.DataSpec;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.job.FailurePolicySpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.ModelSpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.ParameterServerSpec;
import dev.trireme.api.job.ProgramSpec;
import dev.trireme.api.job.QueueSpec;
import dev.trireme.api.job.S3Spec;
import dev.trireme.api.job.ScheduleSpec;
import dev.trireme.api.job.TrainSpec;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.api.train.Progress;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * The one place where a class gets the number that stands for it in bytes. Numbers are never given
 * to another class; adding, removing or changing a class, a component or an enum constant raises
 * {@link #VERSION} (a test holds the text of each version and says when that was forgotten).
 */
final class MessageRegistry {
  /** Goes before every message; bytes of another version are refused. */
  static final int VERSION = 1;

  private static final Map<Integer, Class<?>> CLASSES = classes();

  private MessageRegistry() {}

  /** Every registered record by its id, in order of id. */
  static Map<Integer, Class<?>> byId() {
    return CLASSES;
  }

  /** Knows the registered classes and refuses all others, written or read. */
  static Kryo newKryo() {
    Kryo kryo = new Kryo(new NumbersOnly(), null);
    kryo.setRegistrationRequired(true);
    kryo.setReferences(false);
    CLASSES.forEach((id, type) -> kryo.register(type, new RecordSerializer(type), id));
    return kryo;
  }

  /** Refuses classes given by name: Kryo would look any name up on the classpath. */
  private static final class NumbersOnly extends DefaultClassResolver {
    @Override
    protected Registration readName(Input input) {
      throw new KryoException("a class is given by name, expected a registered number");
    }
  }

  private static Map<Integer, Class<?>> classes() {
    Map<Integer, Class<?>> types = new TreeMap<>();
    number(
        types,
        20,
        CoordinatorToAgent.AgentAccepted.class,
        CoordinatorToAgent.StartRanks.class,
        CoordinatorToAgent.TellRanks.class,
        CoordinatorToAgent.EndRanks.class,
        CoordinatorToAgent.Survivor.class,
        CoordinatorToAgent.PrepareRanks.class,
        CoordinatorToAgent.HarmRank.class,
        CoordinatorToAgent.Heard.class);
    number(types, 35, CoordinatorToAgent.OpenProbe.class, CoordinatorToAgent.RunProbe.class);
    number(
        types,
        52,
        AgentToCoordinator.ProbeOpened.class,
        AgentToCoordinator.ProbeDone.class,
        Probe.Target.class,
        Probe.Host.class,
        Probe.Way.class);
    number(
        types,
        40,
        AgentToCoordinator.RegisterAgent.class,
        AgentToCoordinator.RankStarted.class,
        AgentToCoordinator.FromRank.class,
        AgentToCoordinator.RankExited.class,
        AgentToCoordinator.RankExit.class,
        AgentToCoordinator.SparesReady.class,
        AgentToCoordinator.HarmAnswered.class,
        AgentToCoordinator.RanksRefused.class,
        AgentToCoordinator.Said.class,
        AgentToCoordinator.Inventory.class,
        AgentToCoordinator.RankThere.class,
        AgentToCoordinator.LeaseOver.class);
    number(types, 57, AgentToCoordinator.Leaving.class);
    number(
        types,
        60,
        AgentToRank.Join.class,
        AgentToRank.Transport.class,
        AgentToRank.StopAfterStep.class,
        AgentToRank.CheckpointAfterStep.class,
        AgentToRank.AbortGeneration.class,
        AgentToRank.CheckpointGrant.class,
        AgentToRank.Release.class);
    number(
        types,
        80,
        RankReport.Hello.class,
        RankReport.Ready.class,
        RankReport.Committed.class,
        RankReport.EpochEnded.class,
        RankReport.ShardWritten.class,
        RankReport.CheckpointFinished.class,
        RankReport.Finished.class,
        RankReport.Failed.class,
        RankReport.Joined.class,
        RankReport.Parked.class);
    number(
        types,
        75,
        AgentToRank.Contacts.class,
        AgentToRank.Network.class,
        AgentToRank.LackRoom.class);
    number(types, 95, RankReport.Contact.class, RankReport.BackendRefused.class);
    number(types, 110, Backing.class, HostDevice.class, HostDevice.Link.class);
    number(types, 98, RankReport.Samples.class, SampleRange.class);
    number(types, 97, RankReport.BucketsTuned.class);
    number(
        types,
        220,
        Stored.TermRecord.class,
        Stored.JobRecord.class,
        Stored.GenerationRecord.class,
        Stored.FailureRecord.class,
        Stored.FormationRecord.class,
        Stored.Place.class,
        Stored.Wish.class);
    number(
        types,
        230,
        StoreMessage.Prepare.class,
        StoreMessage.Promised.class,
        StoreMessage.Head.class,
        StoreMessage.Fetch.class,
        StoreMessage.Fetched.class,
        StoreMessage.Keep.class,
        StoreMessage.Forget.class,
        StoreMessage.Kept.class,
        StoreMessage.Confirm.class);
    number(types, 100, Stamp.class, Progress.class, Cursor.class, StateSource.class);
    jobSpec(types);
    return Collections.unmodifiableMap(types);
  }

  private static void jobSpec(Map<Integer, Class<?>> types) {
    number(
        types,
        120,
        JobSpec.class,
        ModelSpec.class,
        ProgramSpec.class,
        DataSpec.class,
        DataSpec.NormalizeSpec.class,
        TrainSpec.class,
        ParallelSpec.class,
        WorkerCount.class,
        CheckpointSpec.class,
        S3Spec.class,
        FailurePolicySpec.class,
        QueueSpec.class);
    number(
        types,
        170,
        CompressionSpec.None.class,
        CompressionSpec.Float16.class,
        CompressionSpec.Bfloat16.class,
        CompressionSpec.PowerSgd.class,
        CompressionSpec.TopK.class,
        AlgorithmRow.class,
        ConsistencySpec.Bsp.class,
        ConsistencySpec.Ssp.class,
        ConsistencySpec.Asp.class,
        ParameterServerSpec.class);
    number(types, 140, DatasetSpec.Idx.class, DatasetSpec.Strokes.class, DatasetSpec.Ratings.class);
    number(
        types,
        150,
        OptimizerSpec.Sgd.class,
        OptimizerSpec.Adam.class,
        OptimizerSpec.AdamW.class,
        OptimizerSpec.Adagrad.class);
    number(
        types,
        160,
        ScheduleSpec.Constant.class,
        ScheduleSpec.Step.class,
        ScheduleSpec.Cosine.class,
        ScheduleSpec.OneCycle.class);
    number(
        types,
        180,
        LayerSpec.Linear.class,
        LayerSpec.Conv2d.class,
        LayerSpec.MaxPool2d.class,
        LayerSpec.AvgPool2d.class,
        LayerSpec.BatchNorm.class,
        LayerSpec.LayerNorm.class,
        LayerSpec.Dropout.class,
        LayerSpec.Embedding.class,
        LayerSpec.Relu.class,
        LayerSpec.Gelu.class,
        LayerSpec.Tanh.class,
        LayerSpec.Sigmoid.class,
        LayerSpec.Softmax.class,
        LayerSpec.Flatten.class,
        LayerSpec.Reshape.class,
        LayerSpec.Residual.class,
        LayerSpec.Factorization.class);
  }

  private static void number(Map<Integer, Class<?>> types, int first, Class<?>... group) {
    for (int i = 0; i < group.length; i++) {
      Class<?> before = types.put(first + i, group[i]);
      if (before != null) {
        throw new IllegalStateException(
            "number " + (first + i) + " stands for " + before + " and " + group[i]);
      }
    }
  }
}

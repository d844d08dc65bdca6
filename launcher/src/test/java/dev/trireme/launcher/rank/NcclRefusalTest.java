package dev.trireme.launcher.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.nccl.NcclUnavailableException;
import dev.trireme.allreduce.nccl.NcclUnavailableException.Reason;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParallelSpec.BackendKind;
import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.launcher.config.JobReader;
import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.protocol.AgentToRank.Transport;
import dev.trireme.protocol.Backing;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.StateSource;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of a rank, and of its job, where NCCL cannot be used in one process. */
@Timeout(60)
class NcclRefusalTest {
  private static final StateSource SURVIVOR = StateSource.rank(0);

  @TempDir Path directory;

  private final BlockingQueue<RankReport> reports = new LinkedBlockingQueue<>();

  private Join join(String backend, StateSource source) {
    String yaml =
        """
        name: t
        model: {layers: [flatten, {linear: 10}]}
        data: {train: {format: strokes, items: 100, seed: 1}, batchSize: 10}
        train: {steps: 3, seed: 1, loss: cross-entropy, optimizer: {sgd: {lr: 0.1}}}
        parallel: {workers: 2, backend: %s}
        """
            .formatted(backend);
    JobSpec job = JobReader.read("job.yaml", yaml, List.of()).spec();
    String folder = directory.toString();
    return new Join(
        new Stamp(1, 4),
        "job-1",
        job,
        yaml,
        folder,
        1,
        1,
        2,
        2,
        new Transport(folder, folder, 1000, 8, 42),
        source,
        new Backing(DeviceKind.CUDA, BackendKind.NCCL, "test"),
        List.of());
  }

  /** What a rank leaves its formation with that meets the others and is refused so. */
  private CollectiveException met(String backend, StateSource source, Reason reason) {
    Join join = join(backend, source);
    try (NcclEstate estate = new NcclEstate();
        GroupOpener opener =
            GroupOpener.start(
                new Groups(join).workers(),
                join.job(),
                join,
                () -> {
                  throw new NcclUnavailableException(reason, "in these words");
                },
                estate,
                reports::add,
                new Introduction(1, reports::add))) {
      return catchThrowableOfType(CollectiveException.class, opener::await);
    }
  }

  @Test
  void shouldEndAReplacementWhoseDeviceDoesNotAnswerAndNotItsJob() {
    for (String backend : List.of("nccl", "auto")) {
      for (StateSource source : List.of(SURVIVOR, StateSource.CHECKPOINT)) {
        CollectiveException left = met(backend, source, Reason.DEVICE);
        assertThat(left).hasMessage("in these words");
        assertThat(left.reason()).isEqualTo(Cause.OWN_FAULT);
        assertThat(left.suspectRank()).isEqualTo(1);
        Leaving.Standing holder = new Leaving.Standing(false, true, false);
        assertThatThrownBy(() -> Leaving.of(left, 1, holder)).isSameAs(left);
      }
    }
    assertThat(reports).as("no word of the job's backend").isEmpty();
  }

  @Test
  void shouldEndAReplacementThatLacksWhatNcclNeedsWhereTheJobTrainsOverNothingElse() {
    for (Reason reason : List.of(Reason.LIBRARY, Reason.INTERFACE)) {
      assertThat(met("nccl", SURVIVOR, reason).reason()).isEqualTo(Cause.OWN_FAULT);
    }
    assertThat(reports).isEmpty();
  }

  @Test
  void shouldLeaveAndAccuseNobodyWhereTheDeathOfAPeerMayNotHaveBeenHeardOf() throws Exception {
    CollectiveException left = met("nccl", SURVIVOR, Reason.OTHER);
    assertThat(left.reason()).isEqualTo(Cause.UNUSABLE);
    assertThat(left.suspectRank()).isEqualTo(-1);
    assertThat(Leaving.of(left, 1, new Leaving.Standing(false, true, true))).isSameAs(left);
    assertThat(reports).isEmpty();
  }

  /** All its ranks may be new, on hosts without the library: that is said at once. */
  @Test
  void shouldTellTheJobThatGoesOnFromACheckpointWhatItsHostsLack() {
    for (Reason reason : List.of(Reason.LIBRARY, Reason.INTERFACE)) {
      assertThat(met("nccl", StateSource.CHECKPOINT, reason).reason()).isEqualTo(Cause.ABORTED);
      assertThat(reports.poll()).isEqualTo(new RankReport.BackendRefused("in these words"));
    }
  }

  @Test
  void shouldTellTheJobThatNeverTrained() {
    for (Reason reason : Reason.values()) {
      assertThat(met("nccl", StateSource.JOB, reason).reason()).isEqualTo(Cause.ABORTED);
      assertThat(reports.poll()).isEqualTo(new RankReport.BackendRefused("in these words"));
    }
  }

  @Test
  void shouldTellTheJobThatMayHaveTrainedWithoutNcclFromTheStart() {
    for (Reason reason : List.of(Reason.LIBRARY, Reason.INTERFACE, Reason.OTHER)) {
      assertThat(met("auto", SURVIVOR, reason).reason()).isEqualTo(Cause.ABORTED);
      assertThat(reports.poll()).isEqualTo(new RankReport.BackendRefused("in these words"));
    }
  }
}

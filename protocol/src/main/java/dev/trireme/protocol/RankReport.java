package dev.trireme.protocol;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.Progress;
import java.util.List;
import java.util.Map;

/** What a rank tells its agent, which passes it on to the coordinator. */
public sealed interface RankReport extends Message {
  /**
   * The first word of a process on its channel.
   *
   * @param slot as given on its command line
   * @param pid of the process
   */
  record Hello(int slot, long pid) implements RankReport {}

  /**
   * A process that was a rank has become the rank of another formation: what it says from now on it
   * says as that rank.
   *
   * @param generation of the formation
   */
  record Joined(long generation) implements RankReport {}

  /**
   * What the other ranks of the formation need to know of this one before they can meet: the
   * coordinator deals the contacts of all to all, as {@link AgentToRank.Contacts}, once the last
   * has come.
   *
   * @param contact means something to the backend alone; at most {@value #MAX_CHARACTERS}
   *     characters, and empty where a rank has nothing to say
   */
  record Contact(String contact) implements RankReport {
    /** Enough for several addresses or keys. */
    public static final int MAX_CHARACTERS = 4096;

    public Contact {
      if (contact.length() > MAX_CHARACTERS) {
        throw new IllegalArgumentException(
            "a contact has at most " + MAX_CHARACTERS + " characters, found " + contact.length());
      }
    }
  }

  /**
   * The formation's backend cannot be started on this rank, and no other attempt would help; {@link
   * Parked} follows. Where the job leaves the choice open, all ranks are formed anew with another
   * backend.
   *
   * @param why what is missing or wrong and how to mend it, for people
   */
  record BackendRefused(String why) implements RankReport {}

  /**
   * A collective has failed or was aborted: this rank has left its formation, keeps its model, and
   * waits for the next formation.
   *
   * @param appliedStep the last step that its optimizer has applied whole
   * @param sound whether it holds the state after that step, and nothing of a later one
   * @param verdict what happened, for people
   * @param suspectRank the rank that is to blame; -1 when unknown
   */
  record Parked(long appliedStep, boolean sound, String verdict, int suspectRank)
      implements RankReport {}

  /**
   * Model and data are there, the group stands, the state is the same on all ranks.
   *
   * @param progress where it continues from
   * @param restoredFrom the checkpoint it started from, empty when from fresh weights
   * @param totalSteps planned for the whole job
   * @param stepsPerEpoch at least 1
   * @param epochs planned, rounded up; at least 1
   * @param parameters number of trainable values of the model
   */
  record Ready(
      Progress progress,
      String restoredFrom,
      long totalSteps,
      long stepsPerEpoch,
      int epochs,
      long parameters)
      implements RankReport {}

  /**
   * The ranks of a formation have agreed on the sizes of buckets that the job left to them. Each
   * rank says so before it is {@link Ready}, all of them the same; from then on the job has these.
   *
   * @param firstBucketSize bytes of the first bucket
   * @param bucketSize bytes of the others
   * @param resolvedSpec the job with them, as YAML
   */
  record BucketsTuned(long firstBucketSize, long bucketSize, String resolvedSpec)
      implements RankReport {
    public BucketsTuned {
      if (firstBucketSize < 1 || bucketSize < 1) {
        throw new IllegalArgumentException(
            "expected sizes of at least 1 byte, found " + firstBucketSize + " and " + bucketSize);
      }
    }
  }

  /**
   * The steps up to {@code step} are committed. Rank 0 sends one for the first step of a
   * generation, then about one a second, and one for the last step. Of the others only the one that
   * gives its state to a new generation may send one, for the step that is committed thereby.
   *
   * @param step the newest committed step
   * @param from where that step's samples begin
   * @param samples in its global batch
   * @param loss of that step, mean over its global batch
   * @param learningRate of that step
   * @param samplesPerSecond since the report before
   * @param nativeBytes the engine holds
   * @param wireBytes of gradients that each rank sent its peers in that step
   * @param plainWireBytes what that would be without compression
   */
  record Committed(
      long step,
      Cursor from,
      int samples,
      double loss,
      double learningRate,
      double samplesPerSecond,
      long nativeBytes,
      long wireBytes,
      long plainWireBytes)
      implements RankReport {
    public Committed {
      if (wireBytes < 0 || plainWireBytes < 0) {
        throw new IllegalArgumentException(
            "bytes sent are " + wireBytes + " and " + plainWireBytes + ", below 0");
      }
    }
  }

  /**
   * What steps were trained on. Rank 0 sends it before each {@link Committed}, with all steps since
   * the one before, and before its shard of a checkpoint is told, with that step. Repeats are
   * harmless. A rank that gives its state to a new generation sends what it knows of the generation
   * before, whose rank 0 may not have come to say it.
   *
   * @param items in the training set, at least 1
   * @param ranges in order of generation and step
   */
  record Samples(long items, List<SampleRange> ranges) implements RankReport {
    public Samples {
      ranges = List.copyOf(ranges);
    }
  }

  /**
   * An epoch has ended on this rank. Rank 0 only.
   *
   * @param epoch counted from 0
   * @param step its last
   * @param trainLoss mean over the epoch's steps
   * @param evalLoss NaN without an evaluation set
   * @param evalAccuracy NaN without one, or where labels are not classes
   * @param seconds the epoch took, evaluation included
   */
  record EpochEnded(
      int epoch, long step, double trainLoss, double evalLoss, double evalAccuracy, double seconds)
      implements RankReport {}

  /** This rank's shard of a checkpoint is on disk. */
  record ShardWritten(long step) implements RankReport {}

  /**
   * How a checkpoint ended. Rank 0 only.
   *
   * @param path of the checkpoint
   * @param failure empty when it was committed
   */
  record CheckpointFinished(
      long step, String path, double stallSeconds, double writeSeconds, long bytes, String failure)
      implements RankReport {}

  /**
   * Training has ended on this rank, the closing barrier passed. It keeps its model and waits to be
   * released, or for the next formation.
   *
   * @param stopped whether it ended early because it was asked to
   * @param metrics final figures by name
   * @param stateHash over the model's state dict in name order; empty from a server
   * @param samplesPerSecond from the end of step 10 to the end of the last step; NaN when there
   *     were too few steps
   */
  record Finished(
      Progress progress,
      int epochs,
      boolean stopped,
      Map<String, Double> metrics,
      String stateHash,
      double samplesPerSecond)
      implements RankReport {
    public Finished {
      metrics = Map.copyOf(metrics);
    }
  }

  /**
   * Training cannot go on.
   *
   * @param step being computed
   * @param verdict what happened, for people
   * @param suspectRank the rank that is to blame, this one or another; -1 when unknown
   * @param usage whether the job spec or its data is at fault rather than the run
   */
  record Failed(long step, String verdict, int suspectRank, boolean usage) implements RankReport {}
}

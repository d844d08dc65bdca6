package dev.trireme.launcher.config;

import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.data.Share;
import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.DatasetSpec.Ratings;
import dev.trireme.api.job.DatasetSpec.Strokes;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.train.ShardTree;
import dev.trireme.data.Datasets;
import dev.trireme.ps.PortionedData;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;

/** Whether the training and the evaluation set belong together, and their batches fit a rank. */
final class SetsCheck {
  private final JobSpec spec;
  private final ResolvedJob.Origin origin;
  private final List<ConfigProblem> problems;

  SetsCheck(JobSpec spec, ResolvedJob.Origin origin, List<ConfigProblem> problems) {
    this.spec = spec;
    this.origin = origin;
    this.problems = problems;
  }

  /** Notes where figures of the evaluation set would say nothing about what was learnt. */
  void evaluationSuitsTraining() {
    if (spec.data().eval().isEmpty()) {
      return;
    }
    if (spec.data().train() instanceof Strokes train
        && spec.data().eval().get() instanceof Strokes eval) {
      strokes(train, eval);
    } else if (spec.data().train() instanceof Ratings train
        && spec.data().eval().get() instanceof Ratings eval) {
      ratings(train, eval);
    }
  }

  /** A generated set with the training set's seed holds the very same items. */
  private void strokes(Strokes train, Strokes eval) {
    if (train.seed() == eval.seed()) {
      refuse(
          "data.eval.seed",
          "expected another seed than that of data.train, for the same one draws the same items;"
              + " set it to "
              + (train.seed() + 1));
    }
  }

  /** Users and items are numbered by file; who is held out, by file, share and seed. */
  private void ratings(Ratings train, Ratings eval) {
    if (!sameFile(train.file(), eval.file())) {
      same("file", "for another file numbers users and items otherwise", train.file(), eval.file());
    }
    String split = "for another split holds out ratings that are trained on";
    // A smaller part of what is held out was not trained on either, and the other way round.
    boolean more =
        train.part() == Ratings.Part.TRAIN
            ? eval.heldOut() > train.heldOut()
            : eval.heldOut() < train.heldOut();
    if (more) {
      same("heldOut", split, train.heldOut(), eval.heldOut());
    }
    if (train.splitSeed() != eval.splitSeed()) {
      same("splitSeed", split, train.splitSeed(), eval.splitSeed());
    }
    if (train.part() == eval.part()) {
      boolean both = train.part() == Ratings.Part.VALIDATION;
      refuse(
          both ? "data.train.part" : "data.eval.part",
          "expected another part than that of data."
              + (both ? "eval" : "train")
              + ", found the same, so that what was trained on is evaluated; set it to "
              + (both ? "train" : "validation"));
    }
  }

  private void same(String key, String why, Object expected, Object found) {
    refuse(
        "data.eval." + key,
        "expected that of data.train ("
            + expected
            + "), "
            + why
            + ", found "
            + found
            + "; set it to "
            + expected);
  }

  private boolean sameFile(String one, String other) {
    try {
      Path directory = Path.of(spec.data().path());
      return directory.resolve(one).normalize().equals(directory.resolve(other).normalize());
    } catch (InvalidPathException e) {
      return one.equals(other); // what is no path is found out where it is read
    }
  }

  /** Notes where a batch has more than one rank's memory for batches can hold. */
  void batchesFit(DataInspector.Sets sets) {
    DatasetInfo training = sets.training();
    long most = Datasets.mostInBatch(training);
    Share share = largestShare();
    long size = Math.min(spec.data().batchSize(), training.items());
    if (share.largest((int) size) > most) {
      tooLarge(
          "data.batchSize",
          training,
          share.largest((int) size),
          most * share.of() / share.count(),
          spec.data().batchSize());
    }
    sets.evaluation().ifPresent(this::evaluationFits);
  }

  private void evaluationFits(DatasetInfo evaluation) {
    long most = Datasets.mostInBatch(evaluation);
    int parts = dealtByServers() ? PortionedData.EVALUATION_PIECES : fewestWorkers();
    int part = Share.equal(0, parts).largest((int) evaluation.items());
    int size = Math.min(spec.data().evalBatchSize(), part);
    if (size > most) {
      tooLarge("data.evalBatchSize", evaluation, size, most, spec.data().evalBatchSize());
    }
  }

  private void tooLarge(String key, DatasetInfo set, long size, long expected, long found) {
    boolean divided = key.equals("data.batchSize") && !dealtByServers();
    int fewest = fewestWorkers();
    refuse(
        key,
        "expected at most "
            + expected
            + (divided ? " for " + fewest + (fewest == 1 ? " worker" : " workers") : "")
            + ", found "
            + found
            + ": one rank can come to have "
            + size
            + " items of "
            + set.itemShape()
            + " at once, and they must take less than 2 GiB; lower it"
            + (divided ? ", or raise the fewest workers of parallel.workers" : ""));
  }

  /** The largest part of a batch that a rank can come to have, with the fewest workers. */
  private Share largestShare() {
    int fewest = fewestWorkers();
    if (dealtByServers()) {
      return Share.equal(0, 1);
    }
    if (!spec.train().elastic()) {
      return Share.equal(0, fewest);
    }
    // Those whose node of the tree was not split are the last.
    return ShardTree.of(spec).share(fewest - 1, fewest);
  }

  private int fewestWorkers() {
    return spec.parallel().workers().min();
  }

  /** Whether servers deal batches by the workers' speeds. */
  private boolean dealtByServers() {
    return spec.parallel()
        .parameterServer()
        .filter(server -> !(server.consistency() instanceof ConsistencySpec.Bsp))
        .isPresent();
  }

  private void refuse(String key, String message) {
    problems.add(origin.problem(key, message));
  }
}

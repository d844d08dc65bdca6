package dev.trireme.launcher.config;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.data.DataException;
import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.DataSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ProgramSpec;
import dev.trireme.checkpoint.WeightsFile;
import dev.trireme.checkpoint.format.CheckpointNames;
import dev.trireme.checkpoint.storage.s3.S3Address;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Checks what a job spec alone cannot tell: that this build can run it, that its files are there,
 * that its data is what it claims to be, and that data and model fit together. Reads files; starts
 * and writes nothing.
 */
public final class JobValidation {
  private static final Pattern KEY_FIRST =
      Pattern.compile("(data(?:\\.\\w+)*): (.*)", Pattern.DOTALL);

  private final Capabilities capabilities;
  private final DataInspector inspector;
  private final int cores;

  /**
   * @param cores of this machine, at least 1
   */
  public JobValidation(Capabilities capabilities, DataInspector inspector, int cores) {
    this.capabilities = capabilities;
    this.inspector = inspector;
    this.cores = cores;
  }

  /**
   * Checks the job. Blocks while it looks at files.
   *
   * @throws ConfigException with everything that is wrong
   */
  public ValidatedJob check(ResolvedJob job) {
    return new Check(job).run();
  }

  /** The check of one job. */
  /** Whether a directory of the file system is a checkpoint, or has any in it, by their names. */
  public static boolean holdsCheckpoint(Path directory) {
    if (Files.exists(directory.resolve(CheckpointNames.MANIFEST))) {
      return true;
    }
    try (Stream<Path> entries = Files.list(directory)) {
      return entries
          .map(entry -> entry.getFileName().toString())
          .map(name -> CheckpointNames.replacedOf(name).orElse(name))
          .anyMatch(name -> CheckpointNames.stepOf(name).isPresent());
    } catch (IOException | UncheckedIOException e) {
      return Files.isDirectory(directory); // the rank that cannot read there says why
    }
  }

  private final class Check {
    private final ResolvedJob job;
    private final JobSpec spec;
    private final List<ConfigProblem> problems = new ArrayList<>();

    Check(ResolvedJob job) {
      this.job = job;
      this.spec = job.spec();
    }

    ValidatedJob run() {
      capabilities.refusals(spec).forEach(r -> refuse(r.key(), r.message()));
      files();
      SetsCheck setsCheck = new SetsCheck(spec, job.origin(), problems);
      setsCheck.evaluationSuitsTraining();
      Optional<DataInspector.Sets> sets = inspect();
      Optional<ModelOutline> model =
          sets.flatMap(s -> new ModelCheck(spec, job.origin(), problems).check(s.training()));
      sets.ifPresent(this::sizes);
      sets.ifPresent(setsCheck::batchesFit);
      if (!problems.isEmpty()) {
        throw new ConfigException(problems);
      }
      return validated(sets.orElseThrow(), model);
    }

    private ValidatedJob validated(DataInspector.Sets sets, Optional<ModelOutline> model) {
      long items = sets.training().items();
      long perEpoch = (items + spec.data().batchSize() - 1) / spec.data().batchSize();
      long total = spec.train().totalSteps(items, spec.data().batchSize());
      List<String> warnings =
          new ArrayList<>(new JobWarnings(cores, hostMemory()).of(spec, items, total, model));
      lacksCheckpoint().ifPresent(warnings::add);
      return new ValidatedJob(job, sets, model, perEpoch, total, warnings);
    }

    private static long hostMemory() {
      return ManagementFactory.getOperatingSystemMXBean()
              instanceof com.sun.management.OperatingSystemMXBean system
          ? system.getTotalMemorySize()
          : Long.MAX_VALUE;
    }

    private void files() {
      spec.model()
          .torchscript()
          .ifPresent(f -> needFile("model.torchscript", f, "TorchScript file"));
      int before = problems.size();
      spec.model().jar().ifPresent(f -> needFile("model.jar", f, "jar"));
      spec.program().flatMap(ProgramSpec::jar).ifPresent(f -> needFile("program.jar", f, "jar"));
      if (problems.size() == before) {
        UserClasses.faults(spec).forEach(this::refuse);
      }
      spec.model().weights().ifPresent(this::needWeights);
      // What lies in an object store is found out by the rank that reads or writes it.
      spec.checkpoint()
          .resumeFrom()
          .filter(p -> !CheckpointSpec.isS3(p))
          .ifPresent(this::needCheckpoint);
      spec.checkpoint().path().filter(p -> !CheckpointSpec.isS3(p)).ifPresent(this::canBeDirectory);
      spec.checkpoint().path().ifPresent(p -> address("checkpoint.path", p));
      spec.checkpoint().resumeFrom().ifPresent(p -> address("checkpoint.resumeFrom", p));
    }

    private void address(String key, String place) {
      if (CheckpointSpec.isS3(place)) {
        try {
          S3Address.parse(place);
        } catch (CheckpointException e) {
          refuse(key, e.getMessage());
        }
      }
    }

    private void needFile(String key, String name, String what) {
      path(key, name)
          .ifPresent(
              file -> {
                if (!Files.isRegularFile(file)) {
                  String found = Files.isDirectory(file) ? "a directory" : "no such file";
                  refuse(key, "expected a " + what + " at '" + name + "', found " + found);
                } else if (!Files.isReadable(file)) {
                  refuse(key, "no right to read '" + name + "'");
                }
              });
    }

    private void needWeights(String name) {
      int before = problems.size();
      needFile("model.weights", name, "safetensors file");
      if (problems.size() == before) {
        try {
          WeightsFile.tensors(Path.of(name));
        } catch (CheckpointException e) {
          refuse("model.weights", e.getMessage());
        }
      }
    }

    private void needCheckpoint(String name) {
      String key = "checkpoint.resumeFrom";
      path(key, name)
          .filter(directory -> !Files.isDirectory(directory))
          .ifPresent(
              directory -> {
                String found = Files.exists(directory) ? "a file" : "nothing there";
                refuse(
                    key,
                    "expected a checkpoints directory or one step-* at '"
                        + name
                        + "', found "
                        + found);
              });
    }

    /** Another run may still be about to leave one there. */
    private Optional<String> lacksCheckpoint() {
      return spec.checkpoint()
          .resumeFrom()
          .filter(name -> !CheckpointSpec.isS3(name))
          .filter(name -> !holdsCheckpoint(Path.of(name)))
          .map(
              name ->
                  "checkpoint.resumeFrom: '"
                      + name
                      + "' holds no checkpoint (step-*), and the job fails unless one is there when"
                      + " it starts");
    }

    private void canBeDirectory(String name) {
      String key = "checkpoint.path";
      path(key, name)
          .filter(Files::exists)
          .ifPresent(
              directory -> {
                if (!Files.isDirectory(directory)) {
                  refuse(key, "expected a directory at '" + name + "', found a file");
                } else if (spec.checkpoint().resumeFrom().isEmpty() && !isEmpty(directory)) {
                  refuse(
                      key,
                      "'"
                          + name
                          + "' is not empty, and a new run beside another's checkpoints would be"
                          + " mistaken for it; name a directory that is not there yet, or continue"
                          + " that run with checkpoint.resumeFrom: "
                          + name);
                }
              });
    }

    private static boolean isEmpty(Path directory) {
      try (Stream<Path> entries = Files.list(directory)) {
        return entries.findAny().isEmpty();
      } catch (IOException e) {
        return true; // the rank that cannot write there says why
      }
    }

    private Optional<Path> path(String key, String name) {
      try {
        return Optional.of(Path.of(name));
      } catch (InvalidPathException e) {
        refuse(key, "'" + name + "' is no path: " + e.getReason());
        return Optional.empty();
      }
    }

    private Optional<DataInspector.Sets> inspect() {
      try {
        return Optional.of(inspector.inspect(spec.data()));
      } catch (DataException e) {
        refuseData(e, "data.train");
        inspectEvaluationToo(e);
        return Optional.empty();
      }
    }

    /** The inspection ends at the first fault; when that is in one set, the other has its turn. */
    private void inspectEvaluationToo(DataException first) {
      boolean inTraining =
          first.getMessage() != null && first.getMessage().startsWith("data.train");
      DataSpec data = spec.data();
      if (inTraining && data.eval().isPresent()) {
        try {
          inspector.inspect(
              new DataSpec(
                  data.eval().get(),
                  Optional.empty(),
                  data.path(),
                  data.batchSize(),
                  data.evalBatchSize(),
                  data.prefetch(),
                  data.normalize()));
        } catch (DataException e) {
          refuseData(e, "data.eval");
        }
      }
    }

    private void refuseData(DataException e, String set) {
      Matcher matcher = KEY_FIRST.matcher(String.valueOf(e.getMessage()));
      boolean named = matcher.matches();
      String key = named ? matcher.group(1).replaceFirst("^data\\.train", set) : set;
      refuse(key, named ? matcher.group(2) : e.getMessage());
    }

    private void sizes(DataInspector.Sets sets) {
      long items = sets.training().items();
      int workers = spec.parallel().workers().max();
      if (workers > items) {
        refuse(
            "parallel.workers",
            "there are more workers (" + workers + ") than training items (" + items + ")");
      }
      long total = spec.train().totalSteps(items, spec.data().batchSize());
      if (spec.train().warmupSteps() >= total) {
        refuse(
            "train.warmupSteps",
            "expected fewer than the job's "
                + total
                + " steps, found "
                + spec.train().warmupSteps()
                + "; the rate would never reach its base");
      }
    }

    private void refuse(String key, String message) {
      problems.add(job.origin().problem(key, message));
    }
  }
}

package dev.trireme.launcher.embedded;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.TrainRunner;
import dev.trireme.launcher.config.JobReader;
import dev.trireme.launcher.config.JobValidation;
import dev.trireme.launcher.config.ValidatedJob;
import dev.trireme.launcher.control.ClusterFile;
import dev.trireme.launcher.control.HostName;
import dev.trireme.launcher.control.RunFiles;
import dev.trireme.launcher.control.Submissions;
import dev.trireme.launcher.device.DeviceSurvey;
import dev.trireme.launcher.device.Installation;
import dev.trireme.protocol.JobState;
import dev.trireme.worker.agent.AgentConfig;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;

/** Runs one job on an embedded cluster of its own, from an empty run directory to its result. */
public final class EmbeddedRunner implements TrainRunner {
  /** Where in a run directory the coordinator keeps its state. */
  private static final String STATE = "coordinator";

  /** Slots, beside one for each rank, for servers that join later. */
  private static final int MORE_SERVERS = 8;

  @Override
  public int run(ValidatedJob job, Optional<Path> asked, Console console) {
    JobSpec spec = job.resolved().spec();
    Optional<String> lacking = lacking(spec);
    if (lacking.isPresent()) {
      console.err().println("trireme: " + lacking.get());
      return ExitCode.USAGE;
    }
    try {
      Path directory = RunDirectories.create(asked, spec.name(), LocalDateTime.now());
      JobSubmission submission = Submissions.ofThisMachine(job.resolved(), directory);
      return run(spec, directory, console, jobs -> jobs.submit(submission));
    } catch (RunDirectories.UnusableException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.USAGE;
    } catch (CoordinatorException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.FAILED;
    }
  }

  @Override
  public int resume(Path asked, Console console) {
    Path directory = asked.toAbsolutePath().normalize();
    try {
      Optional<ClusterFile> running = ClusterFile.read(directory);
      if (running.isPresent() || !Files.isDirectory(directory.resolve(STATE))) {
        console
            .err()
            .println(
                running.isPresent()
                    ? "trireme: the run in " + asked + " still goes on: " + running.get()
                    : "trireme: '" + asked + "' is no directory of a run");
        return ExitCode.USAGE;
      }
      JobSpec spec = JobReader.read(directory.resolve("job.yaml"), List.of()).spec();
      String checkpoints = spec.checkpoint().place(asked);
      // What lies in an object store is found out by the rank that reads it.
      boolean saved =
          CheckpointSpec.isS3(checkpoints) || JobValidation.holdsCheckpoint(Path.of(checkpoints));
      if (RunFiles.result(directory).filter(EmbeddedRunner::hasSucceeded).isPresent()) {
        console
            .err()
            .println(
                "trireme: the run in "
                    + asked
                    + " has succeeded: there is nothing to continue; "
                    + (saved
                        ? "to train further, raise train.epochs in a new run with --set"
                            + " checkpoint.resumeFrom="
                            + checkpoints
                        : "it has left no checkpoint from which another run could train further"));
        return ExitCode.USAGE;
      }
      Optional<String> lacking = lacking(spec);
      if (lacking.isPresent()) {
        console.err().println("trireme: " + lacking.get());
        return ExitCode.USAGE;
      }
      if (!saved && spec.checkpoint().resumeFrom().isEmpty()) {
        console.err().println("there is no checkpoint in " + checkpoints + ": begins at step 1");
      }
      return run(spec, directory, console, jobs -> resumed(jobs, directory));
    } catch (ClusterFile.UnusableException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.USAGE;
    } catch (IOException | CoordinatorException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.FAILED;
    }
  }

  /** What the job asks for and this machine will never have: in a cluster it would wait for it. */
  private static Optional<String> lacking(JobSpec spec) {
    if (spec.parallel().device() != DeviceKind.CUDA) {
      return Optional.empty();
    }
    DeviceSurvey devices = Installation.devices();
    return devices.devices().isEmpty()
        ? Optional.of("parallel.device: cuda: no CUDA device on this host: " + devices.none())
        : Optional.empty();
  }

  private static boolean hasSucceeded(JsonNode result) {
    return result.path("state").asText().equals(JobState.SUCCEEDED.name());
  }

  /** A job that did not end runs again by itself as soon as its coordinator does. */
  private static String resumed(JobService jobs, Path directory) {
    JobStatus status =
        jobs.list().stream()
            .filter(s -> s.runDirectory().equals(directory))
            .reduce((a, b) -> b)
            .orElseThrow(
                () ->
                    new CoordinatorException(
                        "the coordinator's state in "
                            + directory.resolve(STATE)
                            + " knows no job of this directory; was it moved? Train anew with"
                            + " checkpoint.resumeFrom"));
    if (status.state().isFinal()) {
      jobs.resume(status.jobId());
    }
    return status.jobId();
  }

  /**
   * @param begin starts the job and says its id
   */
  private static int run(
      JobSpec spec, Path directory, Console console, Function<JobService, String> begin) {
    return FollowedRun.run(
        spec.name(),
        directory,
        console,
        interruption -> EmbeddedCluster.start(agentConfig(spec), directory.resolve(STATE)),
        begin);
  }

  private static AgentConfig agentConfig(JobSpec spec) {
    int cores = Runtime.getRuntime().availableProcessors();
    int ranks = spec.parallel().ranks().max();
    DeviceSurvey devices =
        spec.parallel().device() == DeviceKind.CPU
            ? new DeviceSurvey("", "", List.of(), "the job is for the CPU")
            : Installation.devices();
    return new AgentConfig(
        "embedded-" + ProcessHandle.current().pid(),
        HostName.ofThisHost(),
        spec.parallel().servers() > 0 ? ranks + MORE_SERVERS : ranks,
        cores,
        Optional.empty(),
        RankProcesses.command(
            System.getProperty("java.class.path"),
            ManagementFactory.getRuntimeMXBean().getInputArguments()),
        ranks,
        OptionalInt.of(
            spec.parallel()
                .threads()
                .or(spec.parallel()::cores)
                .orElse(Math.max(1, cores / ranks))),
        devices.devices(),
        devices.none());
  }
}

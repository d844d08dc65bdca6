package dev.trireme.launcher.launch;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.LaunchRunner;
import dev.trireme.launcher.cluster.HostPort;
import dev.trireme.launcher.config.ResolvedJob;
import dev.trireme.launcher.control.Submissions;
import dev.trireme.launcher.embedded.FollowedRun;
import dev.trireme.launcher.embedded.RunDirectories;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs one job on hosts that ssh reaches. */
public final class SshLauncher implements LaunchRunner {
  private static final int ASK_SECONDS = 10;

  @Override
  public int run(Options options, ResolvedJob job, Console console) {
    String name = job.spec().name();
    try {
      LaunchPlan plan = plan(options);
      Path directory = RunDirectories.create(options.runDirectory(), name, LocalDateTime.now());
      JobSubmission submission = Submissions.of(job, directory, "");
      return FollowedRun.run(
          name,
          directory,
          console,
          interruption -> LaunchedCluster.start(plan, directory, console, interruption),
          jobs -> jobs.submit(submission));
    } catch (RunDirectories.UnusableException | IllegalArgumentException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.USAGE;
    } catch (IOException | CoordinatorException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.FAILED;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return ExitCode.CANCELLED;
    }
  }

  private static LaunchPlan plan(Options options) throws IOException, InterruptedException {
    List<LaunchHost> hosts = LaunchHost.parse(options.hosts());
    List<String> client = List.of(options.ssh().strip().split("\\s+"));
    String home =
        options.home().orElseGet(() -> Path.of(System.getProperty("trireme.home", "")).toString());
    if (home.isBlank()) {
      throw new IllegalArgumentException("expected --home, the place of Trireme on the hosts");
    }
    String bind;
    if (options.bind().isPresent()) {
      bind = options.bind().get();
    } else {
      bind = new HostPort(addressOf(hosts.get(0), client), 0).routeFromHere();
    }
    return new LaunchPlan(hosts, client, home, bind, options.port(), options.patience());
  }

  /** A host's address, as ssh's configuration has it. */
  private static String addressOf(LaunchHost host, List<String> client)
      throws IOException, InterruptedException {
    List<String> words = new ArrayList<>(client);
    words.addAll(List.of("-G", host.destination()));
    Process process;
    try {
      process = new ProcessBuilder(words).redirectErrorStream(true).start();
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "expected an ssh client, found none as '" + client.get(0) + "'; --ssh names another", e);
    }
    process.getOutputStream().close();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(ASK_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
      process.destroyForcibly();
      throw new IllegalArgumentException(
          "ssh cannot tell the address of " + host.destination() + ": " + text.strip());
    }
    return text.lines()
        .filter(line -> line.startsWith("hostname "))
        .map(line -> line.substring("hostname ".length()).strip())
        .findFirst()
        .orElse(host.destination());
  }
}

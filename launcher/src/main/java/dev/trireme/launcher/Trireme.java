package dev.trireme.launcher;

import dev.trireme.api.job.DataSpec;
import dev.trireme.data.Datasets;
import dev.trireme.launcher.cli.Cli;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cluster.Services;
import dev.trireme.launcher.config.Capabilities;
import dev.trireme.launcher.config.DataInspector;
import dev.trireme.launcher.config.JobValidation;
import dev.trireme.launcher.embedded.EmbeddedRunner;
import dev.trireme.launcher.embedded.ProcessBench;
import dev.trireme.launcher.launch.SshLauncher;
import dev.trireme.launcher.logging.LogSetup;
import dev.trireme.worker.agent.AgentNode;
import java.util.Set;

/** Where {@code ./trireme} begins: wires the command line together and ends with its exit code. */
public final class Trireme {
  private static final Set<String> SERVICES = Set.of("coordinator", "agent");

  /** Commands after which people look whether a killed run has left something. */
  private static final Set<String> SWEEPING = Set.of("job", "bench");

  private Trireme() {}

  /** Runs one command. */
  public static void main(String[] arguments) {
    if (arguments.length > 0 && SERVICES.contains(arguments[0])) {
      System.setProperty(LogSetup.SERVICE_PROPERTY, "true");
    }
    if (arguments.length > 0 && SWEEPING.contains(arguments[0])) {
      AgentNode.sweepAbandoned();
    }
    int cores = Runtime.getRuntime().availableProcessors();
    JobValidation validation =
        new JobValidation(Capabilities.ofThisVersion(), Trireme::inspect, cores);
    System.exit(
        new Cli(
                Console.ofProcess(),
                validation,
                EmbeddedRunner::new,
                ProcessBench::new,
                Services::new,
                SshLauncher::new)
            .run(arguments));
  }

  private static DataInspector.Sets inspect(DataSpec spec) {
    Datasets.Inspection found = Datasets.inspect(spec);
    return new DataInspector.Sets(found.training(), found.evaluation());
  }
}

package dev.trireme.launcher.cluster;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.ServiceRunner;
import dev.trireme.launcher.config.CoordinatorFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/** Runs the services of a cluster in this process. */
public final class Services implements ServiceRunner {
  @Override
  public int initialize(Path directory, Console console) {
    try {
      CredentialsMaker.make(directory);
    } catch (Credentials.UnusableException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.USAGE;
    }
    console
        .out()
        .println(
            """
            Credentials are in %1$s:
              ca.pem                    the authority's certificate; public
              node.pem, node-key.pem    what coordinators and agents prove themselves with; the key is secret
              api-token                 what the command line shows; secret: who has it runs code on the cluster
              ca-key.pem                the authority's key; no service needs it: move it to a safe place

            Next:
              1. Copy ca.pem, node.pem, node-key.pem and api-token to every host, modes kept, over ssh:
                   rsync -a --exclude ca-key.pem %1$s/ HOST:/etc/trireme/
              2. On each coordinator's host write coordinator.yaml and start it:
                   listen: ADDRESS:7400
                   api: ADDRESS:7401
                   credentials: /etc/trireme
                   stateDirectory: /var/lib/trireme
                   runs: /shared/trireme-runs
                   $ trireme coordinator --config coordinator.yaml
              3. On each host that computes:
                   $ trireme agent --join ADDRESS:7400 --credentials /etc/trireme
              4. For each user, copy ca.pem and api-token to ~/.config/trireme, then:
                   $ export TRIREME_CLUSTER=ADDRESS:7401
                   $ trireme job submit job.yaml"""
                .formatted(directory));
    return ExitCode.DONE;
  }

  @Override
  public int coordinator(Path file, Console console) {
    CoordinatorFile config = CoordinatorFile.read(file);
    return run(console, stop -> CoordinatorService.run(config, stop));
  }

  @Override
  public int agent(AgentOptions options, Console console) {
    return run(console, stop -> AgentService.run(options, stop));
  }

  @FunctionalInterface
  private interface Service {
    void run(ServiceStop stop)
        throws IOException, InterruptedException, Credentials.UnusableException;
  }

  /** A mistake in the configuration ends in one line; all else goes to the log. */
  private static int run(Console console, Service service) {
    try (ServiceStop stop = ServiceStop.listen()) {
      service.run(stop);
      return ExitCode.DONE;
    } catch (Credentials.UnusableException | IllegalArgumentException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.USAGE;
    } catch (CoordinatorException | UncheckedIOException | IOException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.FAILED;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return ExitCode.CANCELLED;
    }
  }
}

package dev.trireme.launcher.config;

import dev.trireme.api.job.Key;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The configuration file of a coordinator.
 *
 * @param name of this coordinator
 * @param listen where the control plane listens
 * @param coordinators where all of them listen
 * @param api where the HTTP interface listens
 * @param health where it says how it is
 * @param credentials what it proves itself with
 * @param stateDirectory where it keeps jobs
 * @param runs where runs leave their files
 */
public record CoordinatorFile(
    @Key("Name of this coordinator; letters, digits, '.', '_' and '-'. By default its host's name.")
        Optional<String> name,
    @Key(
            value =
                "Address and port on which agents and other coordinators reach this one;"
                    + " port 0 takes any free one.",
            defaultValue = "127.0.0.1:7400")
        String listen,
    @Key(
            "What 'listen' says in the files of all coordinators of the cluster, three or five, in"
                + " the same order with each. Without it this is the only one.")
        List<String> coordinators,
    @Key(
            value = "Address and port of the HTTP interface for the command line.",
            defaultValue = "127.0.0.1:7401")
        String api,
    @Key(
            value = "Loopback address and port that answer /livez and /readyz without a token.",
            defaultValue = "127.0.0.1:7402")
        String health,
    @Key(
            "Directory with ca.pem, node.pem, node-key.pem and api-token, as 'trireme cluster init'"
                + " makes them. Without it everything stays on loopback.")
        Optional<String> credentials,
    @Key("Directory where this coordinator keeps its jobs; its alone.") String stateDirectory,
    @Key(
            "Directory where runs leave logs, metrics, checkpoints and results; the same for all"
                + " hosts, as on a shared file system.")
        String runs) {

  private static final SpecType TYPE = new SpecType.Keys(CoordinatorFile.class);

  /**
   * Reads one. Relative directories in it are relative to the file's own.
   *
   * @throws ConfigException with everything that is wrong
   */
  public static CoordinatorFile read(Path file) {
    List<ConfigProblem> problems = new ArrayList<>();
    String name = file.toString();
    Place start = new Place.InFile(name, 1, 1);
    Optional<YamlNode> document =
        YamlReader.readFile(name, JobReader.textOf(file, "coordinator's configuration"), problems);
    Optional<Object> bound =
        document.flatMap(
            node ->
                new SpecBinder(new Faults(problems)).bind(node, TYPE, new Faults.Spot("", start)));
    if (!problems.isEmpty() || bound.isEmpty()) {
      throw new ConfigException(problems);
    }
    return ((CoordinatorFile) bound.get()).beside(file);
  }

  private CoordinatorFile beside(Path file) {
    Path base = file.toAbsolutePath().normalize().getParent();
    return new CoordinatorFile(
        name,
        listen,
        coordinators,
        api,
        health,
        credentials.map(d -> base.resolve(d).toString()),
        base.resolve(stateDirectory).normalize().toString(),
        base.resolve(runs).normalize().toString());
  }
}

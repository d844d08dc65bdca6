package dev.trireme.launcher.cli;

import dev.trireme.launcher.config.JobSchema;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** {@code trireme schema}: what an editor needs to complete and check a job file. */
@Command(
    name = "schema",
    header = "Prints the JSON Schema of a job file.",
    description = {
      "An editor with the YAML language server completes and checks a job file that begins with"
          + " '# yaml-language-server: $schema=job.schema.json'."
    },
    footerHeading = "%nExample:%n",
    footer = "  trireme schema > configs/job.schema.json")
final class SchemaCommand implements Callable<Integer> {
  private final Console console;

  SchemaCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    console.out().print(JobSchema.text());
    return ExitCode.DONE;
  }
}

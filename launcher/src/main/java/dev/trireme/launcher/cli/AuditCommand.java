package dev.trireme.launcher.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.rundir.SampleAudit;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code trireme job audit}: was every item of every epoch trained on once? */
@Command(
    name = "audit",
    header = "Says how often each item of each epoch was trained on.",
    description = {
      "Reads the record of the samples of every committed step that a run leaves in its directory,"
          + " and follows the line of descent of its model over failures, checkpoints and resumes."
          + " Exit code 0: in every finished epoch no item was lost and none was trained on twice;"
          + " 1: otherwise, or the record is damaged or tells of no step."
    },
    footerHeading = "%nExample:%n",
    footer = "  trireme job audit runs/mnist-cnn-1")
final class AuditCommand implements Callable<Integer> {
  /** Of more epochs those that are in order are told in one line. */
  private static final int MOST_ROWS = 20;

  @Parameters(paramLabel = "RUN_DIR", description = "The directory of a run.")
  private Path runDirectory;

  @Option(
      names = "--json",
      description = "Prints JSON; epochs count from 0 in it, as in metrics.jsonl.")
  private boolean json;

  @Spec private CommandSpec spec;

  private final Console console;

  AuditCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    if (!Files.isDirectory(runDirectory)) {
      throw new CommandLine.ParameterException(
          spec.commandLine(),
          "expected the directory of a run, found none at '" + runDirectory + "'");
    }
    try {
      SampleAudit audit = SampleAudit.of(runDirectory);
      console.out().println(json ? json(audit) : text(audit));
      return audit.sound() ? ExitCode.DONE : ExitCode.FAILED;
    } catch (CoordinatorException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.FAILED;
    }
  }

  private static String text(SampleAudit audit) {
    if (audit.steps() == 0) {
      return "the record tells of no step, which proves nothing";
    }
    Table table = new Table("rrrrrrl");
    table.row("epoch", "items", "0 times", "once", "several", "inherited", "");
    long lost = 0;
    long twice = 0;
    long folded = 0;
    for (SampleAudit.Epoch epoch : audit.epochs()) {
      lost += epoch.finished() ? epoch.zero() : 0;
      twice += epoch.more();
      if (epoch.sound() && epoch.finished() && audit.epochs().size() > MOST_ROWS) {
        folded++;
        continue;
      }
      table.row(
          count(epoch.epoch() + 1),
          count(epoch.items()),
          count(epoch.zero()),
          count(epoch.once()),
          count(epoch.more()),
          count(epoch.inherited()),
          epoch.finished() ? "" : "not finished");
    }
    StringBuilder text = new StringBuilder(table.toString()).append(System.lineSeparator());
    if (folded > 0) {
      text.append("and ").append(plural(folded, "epoch"));
      text.append(", every item of each once").append(System.lineSeparator());
    }
    text.append(count(lost)).append(" lost, ").append(count(twice)).append(" twice; ");
    text.append(plural(audit.steps(), "step")).append(", ");
    text.append(plural(audit.generations(), "generation")).append(", ");
    text.append(plural(audit.superseded(), "step")).append(" superseded");
    if (audit.missing() > 0) {
      text.append(", ").append(plural(audit.missing(), "step")).append(" not in the record");
    }
    if (audit.torn()) {
      text.append(System.lineSeparator()).append("(the last line is incomplete and was left out)");
    }
    return text.toString();
  }

  private static String count(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  private static String plural(long number, String what) {
    return count(number) + " " + what + (number == 1 ? "" : "s");
  }

  private static String json(SampleAudit audit) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object.put("sound", audit.sound()).put("steps", audit.steps());
    object.put("generations", audit.generations()).put("superseded", audit.superseded());
    object.put("missing", audit.missing()).put("torn", audit.torn());
    ArrayNode epochs = object.putArray("epochs");
    for (SampleAudit.Epoch epoch : audit.epochs()) {
      epochs
          .addObject()
          .put("epoch", epoch.epoch())
          .put("items", epoch.items())
          .put("finished", epoch.finished())
          .put("zero", epoch.zero())
          .put("once", epoch.once())
          .put("more", epoch.more())
          .put("inherited", epoch.inherited());
    }
    return object.toPrettyString();
  }
}

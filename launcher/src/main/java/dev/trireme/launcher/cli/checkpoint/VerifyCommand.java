package dev.trireme.launcher.cli.checkpoint;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.trireme.checkpoint.CheckpointPlace;
import dev.trireme.checkpoint.CheckpointReader;
import dev.trireme.checkpoint.format.DamagedException;
import dev.trireme.checkpoint.format.Manifest;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.Table;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code trireme checkpoint verify}. */
@Command(
    name = "verify",
    header = "Reads every byte of checkpoints and compares it with its hash.",
    description = {
      "Of a directory, verifies each checkpoint there. Exit codes: 0 all are whole, 1 one is damaged"
          + " and its line says where."
    })
final class VerifyCommand implements Callable<Integer> {
  @Mixin private PlaceArguments arguments;

  private final Console console;

  VerifyCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    return arguments.with(console, this::run);
  }

  private int run(CheckpointPlace place, CheckpointReader reader) throws IOException {
    List<String> names = PlaceArguments.names(place);
    if (names.isEmpty()) {
      throw PlaceArguments.none(place, "checkpoint");
    }
    Table table = new Table("lrl").row("checkpoint", "bytes", "result");
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    int code = ExitCode.DONE;
    for (String name : names) {
      String damage = "";
      String result = "whole";
      long bytes = 0;
      try {
        Manifest manifest = reader.glance(name);
        bytes = manifest.shardBytes();
        reader.verify(name, manifest);
      } catch (DamagedException e) {
        damage = e.getMessage();
        result = "damaged: " + damage;
        code = ExitCode.FAILED;
      } catch (IOException e) {
        damage = "cannot be read now: " + e.getMessage();
        result = damage;
        code = ExitCode.FAILED;
      }
      table.row(name, String.valueOf(bytes), result);
      array
          .addObject()
          .put("name", name)
          .put("bytes", bytes)
          .put("whole", damage.isEmpty())
          .put("reason", damage);
    }
    console.out().println(arguments.json() ? PlaceArguments.text(array) : table);
    return code;
  }
}

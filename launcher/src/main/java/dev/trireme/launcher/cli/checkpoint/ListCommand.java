package dev.trireme.launcher.cli.checkpoint;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.trireme.checkpoint.CheckpointPlace;
import dev.trireme.checkpoint.CheckpointReader;
import dev.trireme.checkpoint.Lineage;
import dev.trireme.checkpoint.format.DamagedException;
import dev.trireme.checkpoint.format.Manifest;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.Table;
import java.io.IOException;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code trireme checkpoint list}. */
@Command(
    name = "list",
    header = "Lists checkpoints and what is known of them at a glance.",
    description = {"Reads manifests and looks at the sizes of files; 'verify' reads every byte."})
final class ListCommand implements Callable<Integer> {
  @Mixin private PlaceArguments arguments;

  private final Console console;

  ListCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    return arguments.with(console, this::run);
  }

  private int run(CheckpointPlace place, CheckpointReader reader) throws IOException {
    Map<String, String> skipped = new HashMap<>();
    if (place.one().isEmpty()) {
      reader
          .select(Lineage.UNKNOWN)
          .skipped()
          .forEach(one -> skipped.put(one.name(), one.reason()));
    }
    List<String> names = PlaceArguments.names(place);
    if (names.isEmpty() && skipped.isEmpty()) {
      throw PlaceArguments.none(place, "checkpoint");
    }
    Table table =
        new Table("lrrlrrl")
            .row("checkpoint", "step", "generation", "written", "ranks", "bytes", "state");
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    for (String name : names) {
      ObjectNode object = array.addObject().put("name", name);
      try {
        Manifest manifest = reader.glance(name);
        String state = skipped.getOrDefault(name, "whole");
        table.row(
            name,
            String.valueOf(manifest.step()),
            String.valueOf(manifest.generation()),
            manifest.writtenAt().truncatedTo(ChronoUnit.SECONDS).toString(),
            String.valueOf(manifest.worldSize()),
            String.valueOf(manifest.shardBytes()),
            state);
        object
            .put("step", manifest.step())
            .put("generation", manifest.generation())
            .put("writtenAt", manifest.writtenAt().toString())
            .put("worldSize", manifest.worldSize())
            .put("bytes", manifest.shardBytes())
            .put("state", state);
      } catch (DamagedException e) {
        table.row(name, "", "", "", "", "", "damaged: " + e.getMessage());
        object.put("state", "damaged: " + e.getMessage());
      }
      skipped.remove(name);
    }
    skipped.forEach(
        (name, reason) -> {
          table.row(name, "", "", "", "", "", reason);
          array.addObject().put("name", name).put("state", reason);
        });
    console.out().println(arguments.json() ? PlaceArguments.text(array) : table);
    return ExitCode.DONE;
  }
}

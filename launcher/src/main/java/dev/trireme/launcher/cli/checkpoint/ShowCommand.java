package dev.trireme.launcher.cli.checkpoint;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.trireme.checkpoint.CheckpointPlace;
import dev.trireme.checkpoint.CheckpointReader;
import dev.trireme.checkpoint.format.DamagedException;
import dev.trireme.checkpoint.format.Manifest;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.Table;
import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code trireme checkpoint show}. */
@Command(
    name = "show",
    header = "Shows what a checkpoint holds.",
    description = {"Of a directory, the newest whole one. --json adds the job that wrote it."})
final class ShowCommand implements Callable<Integer> {
  @Mixin private PlaceArguments arguments;

  private final Console console;

  ShowCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    return arguments.with(console, this::run);
  }

  private int run(CheckpointPlace place, CheckpointReader reader) throws IOException {
    String name = PlaceArguments.newest(place, reader);
    try {
      Manifest manifest = reader.glance(name);
      console.out().println(arguments.json() ? json(name, manifest) : text(name, manifest));
      return ExitCode.DONE;
    } catch (DamagedException e) {
      console.err().println("trireme: " + name + " is damaged: " + e.getMessage());
      return ExitCode.FAILED;
    }
  }

  private static String text(String name, Manifest manifest) {
    Table figures = new Table("ll").row("checkpoint", name);
    figures.row("step", String.valueOf(manifest.step()));
    figures.row("generation", String.valueOf(manifest.generation()));
    figures.row("epoch", String.valueOf(manifest.progress().cursor().epoch()));
    figures.row("position", String.valueOf(manifest.progress().cursor().position()));
    figures.row("seed", String.valueOf(manifest.seed()));
    figures.row("written", manifest.writtenAt().toString());
    figures.row("ranks", String.valueOf(manifest.worldSize()));
    figures.row("bytes", String.valueOf(manifest.shardBytes()));
    Table tensors = new Table("lllrl").row("tensor", "type", "shape", "bytes", "hash");
    for (Manifest.StoredTensor tensor : sorted(manifest)) {
      tensors.row(
          tensor.spec().name(),
          tensor.spec().dtype().safetensorsName(),
          tensor.spec().shape().toString(),
          String.valueOf(tensor.spec().byteCount()),
          tensor.hash().toString());
    }
    return figures + System.lineSeparator() + System.lineSeparator() + tensors;
  }

  private static String json(String name, Manifest manifest) {
    ObjectNode object =
        JsonNodeFactory.instance
            .objectNode()
            .put("name", name)
            .put("step", manifest.step())
            .put("generation", manifest.generation())
            .put("epoch", manifest.progress().cursor().epoch())
            .put("position", manifest.progress().cursor().position())
            .put("seed", manifest.seed())
            .put("writtenAt", manifest.writtenAt().toString())
            .put("worldSize", manifest.worldSize())
            .put("bytes", manifest.shardBytes())
            .put("spec", manifest.resolvedSpec());
    ArrayNode tensors = object.putArray("tensors");
    for (Manifest.StoredTensor tensor : sorted(manifest)) {
      ObjectNode one =
          tensors
              .addObject()
              .put("name", tensor.spec().name())
              .put("dtype", tensor.spec().dtype().safetensorsName())
              .put("bytes", tensor.spec().byteCount())
              .put("hash", tensor.hash().toString());
      ArrayNode shape = one.putArray("shape");
      for (long size : tensor.spec().shape().toArray()) {
        shape.add(size);
      }
    }
    return PlaceArguments.text(object);
  }

  private static List<Manifest.StoredTensor> sorted(Manifest manifest) {
    return manifest.tensors().stream()
        .sorted(Comparator.comparing(tensor -> tensor.spec().name()))
        .toList();
  }
}

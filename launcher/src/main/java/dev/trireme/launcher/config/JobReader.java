package dev.trireme.launcher.config;

import dev.trireme.api.job.JobSpec;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/**
 * Reads a job file and its overrides. Touches nothing but that file and, where it names one, that
 * of its algorithms.
 */
public final class JobReader {
  /** The largest job file in bytes; a job is a page of text. */
  static final int MAX_BYTES = 1 << 20;

  private static final SpecType JOB = new SpecType.Keys(JobSpec.class);
  private static final int MOST_NEIGHBOURS = 1000;

  private JobReader() {}

  /**
   * Reads a job.
   *
   * @param file as the user named it, so that errors name it so too
   * @param overrides as {@code train.epochs=3}, the later ones over the earlier
   * @throws ConfigException with everything that is wrong in the file and the overrides
   */
  public static ResolvedJob read(Path file, List<String> overrides) {
    return read(file.toString(), textOf(file, "job file"), overrides);
  }

  /**
   * The same for the text of a job file that was read elsewhere, such as the resolved YAML that a
   * rank is given.
   *
   * @param name stands for the file in errors
   */
  public static ResolvedJob read(String name, String text, List<String> overrides) {
    return read(name, text, overrides, AlgorithmFile::inline);
  }

  /**
   * The same for the text of a job from elsewhere, whose files are not this host's: one that is
   * named where its content should stand is a fault, and not looked for.
   */
  public static ResolvedJob readWithoutFiles(String name, String text) {
    return read(name, text, List.of(), AlgorithmFile::refuse);
  }

  private static ResolvedJob read(
      String name,
      String text,
      List<String> overrides,
      BiFunction<YamlNode, List<ConfigProblem>, YamlNode> algorithms) {
    List<ConfigProblem> problems = new ArrayList<>();
    Optional<YamlNode> document = YamlReader.readFile(name, text, problems);
    if (document.isEmpty()) {
      throw new ConfigException(problems);
    }
    Place start = new Place.InFile(name, 1, 1);
    if (document.get().isAbsent()) {
      problems.add(ConfigProblem.of(start, "", "the file is empty; see configs/ for examples"));
      throw new ConfigException(problems);
    }
    YamlNode root = ShortForms.expand(document.get(), JOB);
    Overrides setter = new Overrides(problems);
    for (int i = 0; i < overrides.size(); i++) {
      root = ShortForms.expand(setter.apply(root, i, overrides.get(i)), JOB);
    }
    int unread = problems.size();
    root = algorithms.apply(root, problems);
    if (problems.size() > unread) {
      throw new ConfigException(problems);
    }
    Optional<Object> bound =
        new SpecBinder(new Faults(problems)).bind(root, JOB, new Faults.Spot("", start));
    checkName(root, problems);
    if (!problems.isEmpty() || bound.isEmpty()) {
      throw new ConfigException(problems);
    }
    JobSpec spec = (JobSpec) bound.get();
    return new ResolvedJob(spec, toYaml(spec), new ResolvedJob.Origin(root, start));
  }

  /** A spec checks its name when it is made, which other faults may have kept from happening. */
  private static void checkName(YamlNode root, List<ConfigProblem> problems) {
    if (!problems.isEmpty()
        && problems.stream().noneMatch(p -> p.key().equals("name"))
        && root instanceof YamlNode.Mapping mapping
        && mapping.entries().containsKey("name")
        && mapping.entries().get("name").value() instanceof YamlNode.Scalar name) {
      JobSpec.nameFault(name.text())
          .ifPresent(fault -> problems.add(ConfigProblem.of(name.place(), "name", fault)));
    }
  }

  /** A job as YAML that reads back as an equal one, every default written out. */
  public static String toYaml(JobSpec spec) {
    return SpecWriter.write(spec, JOB);
  }

  /** The text of a file, or a refusal of the whole file. */
  static String textOf(Path file, String what) {
    String fault;
    try {
      if (Files.isDirectory(file)) {
        fault = "expected a " + what + ", found a directory";
      } else if (!Files.exists(file)) {
        fault = "no such file" + neighbour(file);
      } else if (!Files.isRegularFile(file)) {
        // A pipe would be waited for, perhaps for ever.
        fault = "expected a " + what + ", found something that is no regular file";
      } else {
        return decode(bounded(file));
      }
    } catch (CharacterCodingException e) {
      fault = "expected text in UTF-8, found other bytes; save the file as UTF-8";
    } catch (AccessDeniedException e) {
      fault = "no right to read this file";
    } catch (TooLarge e) {
      fault = "larger than 1 MiB; is this a " + what + "?";
    } catch (IOException e) {
      fault = "cannot be read: " + e.getMessage();
    }
    throw new ConfigException(
        List.of(ConfigProblem.of(Place.InFile.whole(file.toString()), "", fault)));
  }

  private static final class TooLarge extends IOException {
    private static final long serialVersionUID = 1L;
  }

  private static byte[] bounded(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(MAX_BYTES + 1);
      if (bytes.length > MAX_BYTES) {
        throw new TooLarge();
      }
      return bytes;
    }
  }

  private static String decode(byte[] bytes) throws CharacterCodingException {
    String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    return text.startsWith("\uFEFF") ? text.substring(1) : text;
  }

  /** What the file was most likely meant to be, or where it was looked for. */
  private static String neighbour(Path file) {
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      return "; relative paths start at " + Path.of("").toAbsolutePath();
    }
    try (Stream<Path> files = Files.list(folder)) {
      List<String> names =
          files.limit(MOST_NEIGHBOURS).map(f -> f.getFileName().toString()).toList();
      return NearestName.of(file.getFileName().toString(), names)
          .map(name -> "; did you mean '" + file.resolveSibling(name) + "'?")
          .orElse("; relative paths start at " + Path.of("").toAbsolutePath());
    } catch (IOException e) {
      return "";
    }
  }
}

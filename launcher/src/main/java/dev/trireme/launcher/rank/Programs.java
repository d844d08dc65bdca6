package dev.trireme.launcher.rank;

import dev.trireme.api.engine.EngineException;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ProgramSpec;
import dev.trireme.api.train.TrainingProgram;
import dev.trireme.worker.train.Trainer;
import java.io.IOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The user's own classes: one class loader over the jars that the job names. */
final class Programs implements AutoCloseable {
  private final Optional<ProgramSpec> spec;
  private final URLClassLoader loader;

  private Programs(Optional<ProgramSpec> spec, URLClassLoader loader) {
    this.spec = spec;
    this.loader = loader;
  }

  static Programs of(JobSpec job) {
    List<URL> jars = new ArrayList<>();
    Stream.concat(job.program().flatMap(ProgramSpec::jar).stream(), job.model().jar().stream())
        .distinct()
        .forEach(jar -> jars.add(url(jar)));
    return new Programs(
        job.program(),
        new URLClassLoader(jars.toArray(URL[]::new), Programs.class.getClassLoader()));
  }

  private static URL url(String jar) {
    Path path = Path.of(jar);
    if (!Files.isRegularFile(path)) {
      throw new EngineException("expected a jar at '" + jar + "', found no such file");
    }
    try {
      return path.toUri().toURL();
    } catch (MalformedURLException e) {
      throw new EngineException("'" + jar + "' is no place for a jar: " + e.getMessage(), e);
    }
  }

  ClassLoader classLoader() {
    return loader;
  }

  /** The job's own training program, or the built-in one. */
  TrainingProgram program() {
    return spec.map(s -> instantiate(s.className())).orElseGet(Trainer::new);
  }

  private TrainingProgram instantiate(String className) {
    Object program;
    try {
      program = loader.loadClass(className).getConstructor().newInstance();
    } catch (ClassNotFoundException e) {
      throw new EngineException(
          "program.class: no class '" + className + "' in the jar or on the class path", e);
    } catch (NoSuchMethodException | IllegalAccessException | InstantiationException e) {
      throw new EngineException(
          "program.class: '"
              + className
              + "' needs to be a public class with a public constructor"
              + " without parameters",
          e);
    } catch (ReflectiveOperationException e) {
      throw new EngineException(
          "program.class: the constructor of '" + className + "' failed: " + e.getCause(), e);
    }
    if (program instanceof TrainingProgram training) {
      return training;
    }
    throw new EngineException(
        "program.class: '" + className + "' does not implement " + TrainingProgram.class.getName());
  }

  @Override
  public void close() throws IOException {
    loader.close();
  }
}

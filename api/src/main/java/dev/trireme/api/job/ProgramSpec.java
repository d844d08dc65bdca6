package dev.trireme.api.job;

import java.util.Optional;

/**
 * A training loop of the user's own.
 *
 * @param className a public class that implements {@code dev.trireme.api.train.TrainingProgram}
 * @param jar where the class lies; the classpath of the rank when absent
 */
public record ProgramSpec(
    @Key(
            value = "A public class that implements dev.trireme.api.train.TrainingProgram.",
            name = "class")
        String className,
    @Key("The jar that holds it, relative to the working directory.") Optional<String> jar) {}

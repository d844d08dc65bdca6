/**
 * The process of a rank: it puts engine, data, collectives and checkpoints together as its agent
 * tells it, runs the training program, and reports how that ended. It decides nothing.
 */
package dev.trireme.launcher.rank;

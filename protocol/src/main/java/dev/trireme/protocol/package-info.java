/**
 * What coordinator, agents and ranks say to each other: records under sealed interfaces, and the
 * one Kryo registration and codec that carries them over Akka, over the rank channel and into the
 * job store. It decides nothing and knows no actor.
 */
package dev.trireme.protocol;

"""Runs torch on the pairs of the word2vec bench: layer by layer, with one row per pair.

Uses one thread, which gives torch its best rate per CPU-second.

word2vec.py FOLDER train BATCH_SIZE EPOCHS LEARNING_RATE
word2vec.py FOLDER score BATCH_SIZE

FOLDER holds shape.json, the initial parameters, and three sets of pairs: learned, held out and
distinct. Prints one line of JSON.
"""

import json
import pathlib
import sys
import time

import numpy
import torch
from torch import nn

# Number of pairs per batch of held-out pairs; their time is not counted.
HELD_OUT_BATCH = 4096

# Minimum processor time of a scoring measurement.
SECONDS = 5


class Model(nn.Module):
    def __init__(self, folder):
        super().__init__()
        shape = json.loads((folder / "shape.json").read_text())
        words, dimensions = shape["n_words"], shape["n_dimensions"]
        self.embeddings = nn.Embedding(words, dimensions)
        self.linear = nn.Linear(dimensions, words)
        numbers = torch.from_numpy(numpy.fromfile(folder / "parameters", dtype="<f4"))
        n = words * dimensions
        with torch.no_grad():
            self.embeddings.weight.copy_(numbers[:n].view(words, dimensions))
            self.linear.weight.copy_(numbers[n : 2 * n].view(words, dimensions))
            self.linear.bias.copy_(numbers[2 * n :])

    def forward(self, centres):
        return self.linear(self.embeddings(centres))


def pairs_of(folder, name):
    numbers = numpy.fromfile(folder / name, dtype="<u4").astype(numpy.int64).reshape(-1, 2)
    return torch.from_numpy(numbers[:, 0].copy()), torch.from_numpy(numbers[:, 1].copy())


def train(folder, batch_size, epochs, learning_rate):
    model, loss_of = Model(folder), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    centres, contexts = pairs_of(folder, "learned")
    seconds, losses = 0.0, []
    for _ in range(epochs):
        started = time.process_time()
        order = torch.randperm(len(centres))
        for places in order.split(batch_size):
            optimizer.zero_grad()
            loss_of(model(centres[places]), contexts[places]).backward()
            optimizer.step()
        seconds += time.process_time() - started
        losses.append(held_out_loss(model, folder))
    return {"pairs_per_cpu_second": epochs * len(centres) / seconds, "losses": losses}


def held_out_loss(model, folder):
    centres, contexts = pairs_of(folder, "held_out")
    loss_of, total = nn.CrossEntropyLoss(reduction="sum"), 0.0
    with torch.no_grad():
        for start in range(0, len(centres), HELD_OUT_BATCH):
            part = slice(start, start + HELD_OUT_BATCH)
            total += float(loss_of(model(centres[part]), contexts[part]))
    return total / len(centres)


def score(folder, batch_size):
    model = Model(folder)
    centres, contexts = pairs_of(folder, "distinct")
    n, started = 0, time.process_time()
    with torch.no_grad():
        while time.process_time() - started < SECONDS:
            for start in range(0, len(centres), batch_size):
                part = slice(start, start + batch_size)
                scores = torch.log_softmax(model(centres[part]), 1)
                scores.gather(1, contexts[part].unsqueeze(1))
                n += len(centres[part])
    return {"pairs_per_cpu_second": n / (time.process_time() - started)}


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    folder, action = pathlib.Path(sys.argv[1]), sys.argv[2]
    if action == "train":
        result = train(folder, int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    else:
        result = score(folder, int(sys.argv[3]))
    print(json.dumps(result))


main()

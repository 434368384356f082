"""Pictures as shops really have them, made from training pictures: `drawing` chooses the changes at random, on the
host; `rendering` makes the pixels, on whatever device Keras runs on."""

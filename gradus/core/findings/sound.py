"""Error codes of sound and its transcripts."""

from gradus.core.findings.page import Page

SOUND: dict[str, Page] = {
    "GR-SOUND-001": Page(
        "Not a sound file",
        "The file is empty, or does not begin as WAV, FLAC, Ogg or MP3 do, whatever its name says.",
        "Write the sound as WAV or FLAC, or take the file out of the data.",
    ),
    "GR-SOUND-002": Page(
        "A sound's header cannot be right",
        "A WAV file lacks its format or its samples, uses a coding that gradus does not read (ADPCM, "
        "mu-law), or gives numbers that contradict each other.",
        "Write the sound again as plain PCM of 8, 16, 24 or 32 bits, or as 32-bit floats.",
    ),
    "GR-SOUND-003": Page(
        "A sound's header lies about its length",
        "A part of a WAV file says that it is longer than the file, or bytes follow the sound that belong to "
        "no part. The file was cut short, or written to a stream and never given its length. How much of it "
        "is sound cannot be known.",
        "Copy the file again, or write it again with a program that ends the header properly.",
    ),
    "GR-SOUND-004": Page(
        "Sound without samples",
        "The file is whole and holds nothing to hear.",
        "Take it out of the data with its transcript.",
    ),
    "GR-SOUND-005": Page(
        "Sound with values that are no numbers",
        "A file of floats, or an array, holds NaN or infinity. One such value would spread through the whole "
        "network.",
        "Write the sound again from its source.",
    ),
    "GR-SOUND-006": Page(
        "Sound too long",
        "One item lasts longer than an hour. A small compressed file can unpack to days of silence and fill "
        "the memory.",
        "Cut it into utterances.",
    ),
    "GR-SOUND-007": Page(
        "A library for sound is missing",
        "FLAC, Ogg and MP3 are decoded by soundfile, and word error rates come from jiwer. Neither is "
        "installed by default; WAV is read without them.",
        "Run `pip install 'gradus[audio]'`.",
    ),
    "GR-SOUND-008": Page(
        "A compressed sound cannot be decoded",
        "The library that decodes FLAC, Ogg and MP3 refuses the file: it is cut short or damaged.",
        "Copy the file again, or take it out of the data.",
    ),
    "GR-SOUND-010": Page(
        "No recordings with transcripts",
        "The path holds none of the layouts that gradus knows, or holds no sound at all.",
        "Put a .txt with the same name beside each sound, or a transcripts.csv with the columns path and "
        "text. Unpack archives that are inside a folder or an archive.",
    ),
    "GR-SOUND-011": Page(
        "A sound without its transcript",
        "A file of sound has nothing that says what is spoken in it.",
        "Write its transcript, or take the file out; --data.skip-bad leaves such files out and counts them.",
    ),
    "GR-SOUND-012": Page(
        "A transcript without its sound",
        "A line of a transcript file, or a .txt beside the others, names a sound that is not there.",
        "Put the sound into place, or take the line out; --data.skip-bad leaves such lines out and counts "
        "them.",
    ),
    "GR-SOUND-013": Page(
        "An empty transcript",
        "Nothing is left of a transcript once punctuation and spaces are taken off. An error rate needs "
        "words to count.",
        "Write what is spoken, or take the item out; --data.skip-bad leaves it out and counts it.",
    ),
    "GR-SOUND-014": Page(
        "A line of a transcript file that cannot be read",
        "The line lacks a column, repeats a name, gives times that are none, names a sound outside the set, "
        "or asks for a program to be run, which gradus never does. Or the table lacks a column: its first "
        "line must name them, as path and text or as --data.path-column and --data.text-column say.",
        "Mend the line or remove it; --data.skip-bad leaves such lines out and counts them.",
    ),
    "GR-SOUND-015": Page(
        "Several bad items",
        "More than one recording or line of the data cannot be used; the message has the first.",
        "Mend or remove them; `gradus data check` lists them, --data.skip-bad leaves them out.",
    ),
    "GR-SOUND-016": Page(
        "No training recordings",
        "The data have splits of their own, and none of them is for training or none for the test.",
        "Add the split, or set --data.test above 0.",
    ),
    "GR-SOUND-017": Page(
        "An utterance beyond the end of its recording",
        "A line of Kaldi's segments gives an utterance a start or an end that the recording does not reach. "
        "Usually the times belong to another recording, or the sound is cut.",
        "Mend the times or take the line out; --data.skip-bad leaves such lines out and counts them.",
    ),
    "GR-SOUND-020": Page(
        "An utterance shorter than its transcript",
        "CTC writes at most one letter a step, with an empty step between two equal ones. After subsampling, "
        "the utterance, at the fastest speed that it is trained at, has fewer steps than that: usually the "
        "transcript belongs to another file, or the sound is cut.",
        "Mend the transcript, subsample less (--model.strides, --features.hop-seconds), lower "
        "--augment.speed, or leave such items out with --data.skip-bad.",
    ),
    "GR-SOUND-021": Page(
        "An array that is no sound",
        "`gradus predict` takes one channel of finite numbers at the rate that the run was trained at.",
        "Give an array of one dimension, or a sound file, which is resampled.",
    ),
    "GR-SOUND-022": Page(
        "Features that do not fit the rate",
        "A window holds too few samples for its bands, so some of them would hear nothing.",
        "Give fewer --features.bands or a longer --features.window-seconds.",
    ),
    "GR-SOUND-023": Page(
        "A model that cannot stream",
        "Streaming needs a recurrent model in one direction and features that are normalised by the training "
        "split: another one needs the whole utterance before its first word.",
        "Train with --model.directions one and --features.normalise training.",
    ),
}

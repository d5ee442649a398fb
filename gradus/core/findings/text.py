"""Error codes of text: its files, its words and their vectors."""

from gradus.core.findings.page import Page

TEXT: dict[str, Page] = {
    "GR-TEXT-001": Page(
        "A text file cannot be read",
        "The system refuses to open it, it is a folder, or its compression breaks off in the middle.",
        "Check what the path is and who may read it, or copy the file again.",
    ),
    "GR-TEXT-002": Page(
        "A line is too long",
        "A line of a text file has more than a mebibyte. Reading on could fill the memory, and what follows "
        "would hardly be one item.",
        "Cut the line, or check that the file is text with an item a line.",
    ),
    "GR-TEXT-003": Page(
        "Text is not UTF-8",
        "A line holds bytes that are no UTF-8. Guessing at another encoding would change letters silently.",
        "Save the file in UTF-8.",
    ),
    "GR-TEXT-010": Page(
        "A table of texts lacks a column",
        "The first line of a table does not name the column that holds the text, or the one with the label.",
        "Name the columns in the first line, or say what they are called (--data.text-column, "
        "--data.label-column).",
    ),
    "GR-TEXT-011": Page(
        "A line of a set of texts cannot be used",
        "A row has too few or too many cells, a quote that never ends, no label, or an unknown split.",
        "Mend the line or remove it, or give --skip-bad: such lines are then left out and counted.",
    ),
    "GR-TEXT-012": Page(
        "A line is no JSON object",
        "Every line of a .jsonl file must be one object with a text in it.",
        "Mend the line or remove it, or give --skip-bad.",
    ),
    "GR-TEXT-013": Page(
        "There are no texts",
        "The file or folder was read and no text that can be used was found in it.",
        "Check the path, and what is in the file.",
    ),
    "GR-TEXT-014": Page(
        "All texts are of one class",
        "A classifier learns to tell classes apart; the training split has fewer than two.",
        "Add texts of another class, or check that the label column is the right one.",
    ),
    "GR-TEXT-015": Page(
        "A label that training does not know",
        "A text has a label that the training split lacks, or that a trained run was not taught.",
        "Spell the labels alike in every split, and give the training split texts of each class.",
    ),
    "GR-TEXT-016": Page(
        "Texts in an unknown layout",
        "The path is neither a .csv, .tsv or .jsonl file nor a folder whose .txt files lie in class folders.",
        "Bring the texts into one of these layouts.",
    ),
    "GR-TEXT-017": Page(
        "A split of the texts is missing",
        "There is nothing to train on or nothing to test on, and no share of the texts is to be held out.",
        "Add the split, or leave the splits out and give --data.test a share.",
    ),
    "GR-TEXT-018": Page(
        "An input is no text",
        "What was given to be classified is neither a text nor bytes in UTF-8.",
        "Give a text.",
    ),
    "GR-TEXT-020": Page(
        "No stop words for a language",
        "There is a list of stop words for English only.",
        "Keep the stop words, or set --clean.language english.",
    ),
    "GR-TEXT-021": Page(
        "A library for texts is not installed",
        "Stems, lemmas and pieces of words are made by libraries that gradus does not need otherwise.",
        "Run `pip install 'gradus[text]'`.",
    ),
    "GR-TEXT-022": Page(
        "The library for translation is not installed",
        "Texts are translated there and back by models that the library transformers loads; gradus does not "
        "need it otherwise.",
        "Run `pip install 'gradus[translate]'`, or leave --augment.translate-there and "
        "--augment.translate-back out.",
    ),
    "GR-TEXT-030": Page(
        "A file is no file of word vectors",
        "It is empty, begins with neither a word and its numbers nor a count and a width, or its first line "
        "speaks of sizes that no such file has.",
        "Check the path, or fetch the file again.",
    ),
    "GR-TEXT-031": Page(
        "A word vector cannot be read",
        "A row has more or fewer numbers than the first, or something that is no finite number.",
        "Fetch the file again, or mend the row.",
    ),
    "GR-TEXT-032": Page(
        "A file of word vectors is cut off",
        "It has another number of vectors than its first line says.",
        "Fetch the file again.",
    ),
    "GR-TEXT-033": Page(
        "Word vectors of another width",
        "The model describes a word by more or fewer numbers than the file of vectors does.",
        "Set --model.width to the width of the vectors.",
    ),
    "GR-TEXT-034": Page(
        "Word vectors of other words",
        "Not one word of the training texts has a vector in the file.",
        "Check the language of the vectors, and whether both write words alike (--clean.lower-case).",
    ),
    "GR-TEXT-035": Page(
        "A line of synonyms has one word",
        "A list of synonyms has a word and its synonyms on each line, apart by spaces or commas.",
        "Add a synonym to the line, or remove it.",
    ),
    "GR-TEXT-036": Page(
        "The data for word vectors cannot be used",
        "The corpus is no archive of tagged text or holds too few words, or a list of word pairs or of "
        "analogies has a line of another form.",
        "Fetch the files again, or correct the line.",
    ),
    "GR-TEXT-037": Page(
        "A word without a vector",
        "The word did not occur often enough in the corpus that the vectors were learnt from.",
        "Ask for another word, or train with a smaller --min-count.",
    ),
    "GR-TEXT-038": Page(
        "A translation model cannot be read",
        "The folder is absent, or lacks the configuration, the tokenizer or the weights of a "
        "sequence-to-sequence model in Hugging Face's format. Only .safetensors files are read, because "
        "reading them runs no code. The tokenizers of some models need the library sentencepiece.",
        "Check the path, or save the model again with save_pretrained.",
    ),
}

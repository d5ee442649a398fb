"""Error codes of data: files, layouts, splits, and pictures above all."""

from gradus.core.findings.page import Page

PICTURES: dict[str, Page] = {
    "GR-DATA-001": Page(
        "There are no data at that path",
        "The file or folder that was named does not exist, or a known data set is in none of the "
        "places where a copy is looked for: --data, $GRADUS_DATA and the cache.",
        "Check the path, or fetch the data set with `gradus data fetch NAME`.",
    ),
    "GR-DATA-002": Page(
        "A file or folder cannot be read",
        "It exists, but the system refuses to open it: it belongs to someone else, is a folder where "
        "a file was expected, or the disk fails.",
        "Check what the path is and who may read it.",
    ),
    "GR-DATA-003": Page(
        "A picture file is empty",
        "The file has no bytes. This is usually what an interrupted copy or a full disk leaves behind.",
        "Copy the file again, or remove it; --skip-bad leaves such files out and lists them.",
    ),
    "GR-DATA-004": Page(
        "A file is not a picture",
        "Its name ends like a picture's, but its content is in none of the formats that are read: "
        "often a web page or a text saved under the wrong name.",
        "Remove the file, or save it as JPEG or PNG.",
    ),
    "GR-DATA-005": Page(
        "A picture is broken",
        "The file begins as a picture does, and then ends early or contradicts itself. A broken "
        "picture is never used in part.",
        "Copy the file again, or remove it; --skip-bad leaves such files out and lists them.",
    ),
    "GR-DATA-006": Page(
        "A picture is too large",
        "By its header the picture has more pixels than are allowed, and it was not decoded: a small "
        "file can hold enough pixels to fill the memory.",
        "Shrink the picture, or remove it; --skip-bad leaves such files out and lists them.",
    ),
    "GR-DATA-007": Page(
        "A picture holds numbers that are none",
        "A picture of floats has NaN or infinite values in it. There is no shade to show them in.",
        "Write the picture again with a number in every pixel.",
    ),
    "GR-DATA-008": Page(
        "Pictures differ in size",
        "Without a side, pictures keep their size, and then all of them must have the same one.",
        "Set data.side to the side that all pictures shall get.",
    ),
    "GR-DATA-009": Page(
        "The pictures do not fit in memory",
        "All pictures of a set are kept decoded, at one byte for each channel of each pixel.",
        "Give a smaller data.side, or fewer pictures.",
    ),
    "GR-DATA-010": Page(
        "The layout of the data is not known",
        "The path exists, but holds none of the layouts that are read, lacks one of their files, or "
        "has two tables to choose from.",
        "Bring the pictures into one of the layouts that the message names.",
    ),
    "GR-DATA-011": Page(
        "There are no pictures",
        "Nothing at the path is a picture, or every one of them was left out.",
        "Check the path, and that the pictures have a usual ending such as .jpg or .png.",
    ),
    "GR-DATA-012": Page(
        "Pictures lie outside the class folders",
        "A picture gets its label from the folder it is in. Some pictures are in none, or folders of "
        "splits (train, test) lie beside folders of classes.",
        "Move the pictures into one folder a class, alike in every split.",
    ),
    "GR-DATA-013": Page(
        "There is only one class",
        "A classifier has nothing to learn from pictures that all have one label.",
        "Put the pictures of each class into a folder of its own, side by side.",
    ),
    "GR-DATA-014": Page(
        "A class has a single picture",
        "It could be trained on or tested on, and not both.",
        "Add pictures of that class, or remove it.",
    ),
    "GR-DATA-015": Page(
        "A class is unknown",
        "A split has a class that the training split, or the trained run, does not have. Often it is "
        "spelled differently.",
        "Spell the classes alike in every split, and give the training split pictures of each.",
    ),
    "GR-DATA-016": Page(
        "Several pictures or rows are bad",
        "More than one item of the data cannot be read. The message names the first and counts them.",
        "Mend or remove them; --skip-bad leaves them out and lists them.",
    ),
    "GR-DATA-017": Page(
        "A folder is reached twice",
        "A link leads to a folder that is also reached another way, or to one that holds the link.",
        "Remove the link: its pictures would count twice, or without end.",
    ),
    "GR-DATA-018": Page(
        "A class name is no text",
        "Names of files are bytes, and those of this class are no UTF-8. Such a name can be neither shown "
        "nor written into a report.",
        "Rename the folder of the class.",
    ),
    "GR-DATA-019": Page(
        "There is no training split",
        "The data come in splits, and train is not among them: there is nothing to learn from.",
        "Add the training split. Without any splits, pictures are divided by class at random.",
    ),
    "GR-DATA-020": Page(
        "A table of pictures cannot be read",
        "It needs a first line that names the columns path and label, and its text must be UTF-8.",
        "Name the columns and save the table as CSV in UTF-8.",
    ),
    "GR-DATA-021": Page(
        "A row of a table is bad",
        "It lacks its path or label, names a split that is none, repeats a path, names a file that is "
        "not there, or has too many columns. The header is line 1.",
        "Mend the row or remove it; --skip-bad leaves such rows out and lists them.",
    ),
    "GR-DATA-025": Page(
        "A zip archive is broken",
        "The archive or one of its files is cut short, damaged, or packed by a method that is not read.",
        "Copy or download the archive again.",
    ),
    "GR-DATA-026": Page(
        "A zip archive holds something suspicious",
        "One of its names leads out of the archive, is a link, is encrypted, or occurs twice. Such an "
        "archive is not read at all.",
        "Make the archive anew from plain files, or unpack it yourself and give the folder.",
    ),
    "GR-DATA-027": Page(
        "A zip archive is too large when unpacked",
        "By its own list of contents it would need more room than any set that fits in memory.",
        "Unpack it yourself if you trust it, and give the folder.",
    ),
    "GR-DATA-030": Page(
        "An array file lacks its arrays",
        "An .npz file is read by the names of its arrays. One is missing, or cannot be read without "
        "running code, or the file is broken.",
        "Save it again: numpy.savez(path, images=..., labels=...).",
    ),
    "GR-DATA-031": Page(
        "An array has the wrong type or shape",
        "Pictures are numbers in three or four dimensions, labels are whole numbers or strings in one.",
        "Convert the array before saving it.",
    ),
    "GR-DATA-032": Page(
        "An array holds values outside its range",
        "Pictures are whole numbers from 0 to 255 or floats from 0 to 1. NaN and anything else has no "
        "meaning as a shade.",
        "Save whole numbers from 0 to 255 as uint8, or floats from 0 to 1.",
    ),
    "GR-DATA-033": Page(
        "Pictures and labels differ in number",
        "Every picture needs one label, in the same order.",
        "Take both from the same release, or save them together.",
    ),
    "GR-DATA-034": Page(
        "A label has no class",
        "The labels are places in a list of class names, and one of them is beyond its end.",
        "Number the labels from 0, by their place in the list.",
    ),
    "GR-DATA-035": Page(
        "A file is not in the idx format",
        "The idx files of MNIST begin with two zero bytes, a known type and a number of dimensions, "
        "and hold bytes. This one does not.",
        "Download the file again, from the official address.",
    ),
    "GR-DATA-036": Page(
        "An idx file has the wrong length",
        "It ends before the values that its header announces, goes on after them, or its compression "
        "is damaged.",
        "Copy or download the file again.",
    ),
    "GR-DATA-037": Page(
        "CIFAR-10's files cannot be used",
        "A batch is missing, is not made of whole records, has a label beyond 9, or is a pickle with "
        "something else in it. Pickles are read without being run.",
        "Download it again; of the official archives cifar-10-binary.tar.gz is the simplest.",
    ),
    "GR-DATA-040": Page(
        "A batch is larger than the data",
        "With whole batches only, an epoch would have none.",
        "Give a smaller --train.batch, or more data.",
    ),
    "GR-DATA-041": Page(
        "No pictures named",
        "The recipe trains on pictures of your own and was not told where they are.",
        "Give `--data PATH`: a folder, table, zip or array file.",
    ),
    "GR-DATA-042": Page(
        "Picture of another size",
        "The model was trained on pictures that are not square, and this one has other sides.",
        "Scale the picture to the size in the message, or train with `--data.side`.",
    ),
    "GR-DATA-043": Page(
        "Array that is no picture",
        "An array given to predict has a type, shape or range that no picture has.",
        "Convert it to 8-bit values, or to numbers from 0 to 1, of shape (H, W) or (H, W, 1 or 3).",
    ),
    "GR-DATA-050": Page(
        "No such input",
        "A path given to predict names no file, or a folder without one. Hidden files do not count.",
        "Check the path, and quote it if it has spaces.",
    ),
    "GR-DATA-051": Page(
        "A file of arrays cannot be read",
        "The .npy or .npz file is cut short, is in another format, or holds Python objects. Objects are "
        "never loaded, because loading them runs code.",
        "Write the file again with numpy.save or numpy.savez, with arrays of numbers only.",
    ),
    "GR-DATA-060": Page(
        "Saturation and hue need colour",
        "These two changes are defined on red, green and blue. The images have another number of channels.",
        "Set augment.saturation and augment.hue to 0, or read the images in colour.",
    ),
    "GR-DATA-070": Page(
        "There is no data set of that name",
        "The known data sets are those that `gradus data list` prints.",
        "Check the spelling, or give your own data with --data.",
    ),
    "GR-DATA-071": Page(
        "A data set has nothing to fetch",
        "A library brings it along, or no public address has its files.",
        "Use it as it is, or put its files into $GRADUS_DATA/NAME.",
    ),
    "GR-DATA-072": Page(
        "A file is not the one that was published",
        "Its sum differs from the one that gradus holds for it, so some byte is different: a damaged "
        "transfer, a web page in its place, or a new release.",
        "Remove the file and fetch it again.",
    ),
    "GR-DATA-073": Page(
        "A server refuses a file",
        "The server was reached and answered with an error.",
        "Try again later, or get the file elsewhere and put it into $GRADUS_DATA.",
    ),
    "GR-DATA-074": Page(
        "The network fails",
        "The server could not be reached, or the connection broke.",
        "Check the network, then fetch again: it goes on where it stopped.",
    ),
    "GR-DATA-075": Page(
        "A transfer ended early",
        "The server closed the connection before all bytes had come. What came is kept.",
        "Fetch again: it goes on from there.",
    ),
    "GR-DATA-076": Page(
        "A fetched file cannot be written",
        "The disk is full, or the folder does not allow it.",
        "Free some space, or set XDG_CACHE_HOME to a folder that you may write to.",
    ),
    "GR-DATA-080": Page(
        "Shares do not add up to 1",
        "Data are divided by shares, each above 0, that together make 1.",
        "Give each part its share of 1.",
    ),
    "GR-DATA-081": Page(
        "A class is too small to be divided",
        "Each part or fold is to have items of every class, and a class has fewer items than there "
        "are parts.",
        "Add items of that class, remove it, or cut into fewer.",
    ),
    "GR-DATA-082": Page(
        "There are too few items to be divided",
        "Each part or fold needs at least one item, group or moment of its own.",
        "Add data, or cut into fewer parts.",
    ),
    "GR-DATA-085": Page(
        "A saved position is beyond the data",
        "A run goes on at an item of its training data that these data do not have: they are fewer "
        "than when it was saved.",
        "Resume with the data that the run was started on.",
    ),
}

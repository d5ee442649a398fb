"""Error codes of settings, the command line, models, runs and benchmarks."""

from gradus.core.findings.page import Page

ENGINE: dict[str, Page] = {
    "GR-MODEL-001": Page(
        "The images are too small for the model",
        "Each pooling, stride or unpadded window of a model shrinks the picture. These images would have no "
        "pixel left before the last layer.",
        "Use fewer stages, a smaller window or the stem for small images, as the message says.",
    ),
    "GR-MODEL-002": Page(
        "The patches do not tile the images",
        "A vision transformer cuts its images into square patches of one size, edge to edge. This patch side "
        "does not divide both the height and the width.",
        "Choose a patch side that divides both, or resize the images.",
    ),
    "GR-MODEL-003": Page(
        "The width cannot be shared out",
        "A transformer's width is divided among its heads, and fixed positions divide it by 2 or 4. This "
        "width leaves a remainder.",
        "Choose a width that is a multiple of the number named in the message.",
    ),
    "GR-MODEL-010": Page(
        "A weights file cannot be read",
        "The file named by start_from is absent, empty, cut short, or in another format. Only .safetensors "
        "files are read, because reading them runs no code.",
        "Check the path, fetch the file again, or convert it to .safetensors.",
    ),
    "GR-MODEL-011": Page(
        "A tensor is missing from a weights file",
        "The model has a weight that the file lacks, so part of it would stay at its random start.",
        "Give weights of the same architecture and settings. Only the head and batch counters may be absent.",
    ),
    "GR-MODEL-012": Page(
        "A weights file has a tensor that the model lacks",
        "The file holds weights of a larger or a different model, which would be dropped without use.",
        "Give weights of the same architecture, depth and settings, or set the model to match the file.",
    ),
    "GR-MODEL-013": Page(
        "A tensor of a weights file has another shape",
        "The file's weights belong to a model of another width, window or image size. Only the head and the "
        "input channels of the first convolution may differ.",
        "Set the model's widths and windows to match the file, or give other weights.",
    ),
    "GR-CONFIG-001": Page(
        "Unknown setting",
        "A setting on the command line or in config.json has a name that the recipe does not know.",
        "Take the name that the message offers, or list them with `gradus train JOB/RECIPE --help`.",
    ),
    "GR-CONFIG-002": Page(
        "Setting of another type",
        "A value is missing or is not of the type that its setting wants.",
        "Give a value of that type; `--help` shows it beside each setting.",
    ),
    "GR-CONFIG-003": Page(
        "Setting out of range",
        "A number is of the right type and makes no sense where it stands: a negative rate, say.",
        "Give a value in the range that the message states.",
    ),
    "GR-CONFIG-004": Page(
        "No such device",
        "The run asks for a device that torch cannot use here.",
        "Choose `--train.device cpu` or auto, or install a build of torch for the device.",
    ),
    "GR-CONFIG-005": Page(
        "No learning rate found",
        "The range test raised the rate from 1e-6 to 1 and the loss fell nowhere.",
        "Give `--train.rate` a number; if no rate works, look at the data and the loss first.",
    ),
    "GR-CONFIG-006": Page(
        "No batch size found",
        "The batch-size finder could not run even the smallest size.",
        "Give `--train.batch` a number that the data and the memory hold.",
    ),
    "GR-CONFIG-007": Page(
        "No validation split",
        "Keeping the best weights, stopping early and lowering the rate on a plateau all wait for scores on "
        "a validation split, and the data have none.",
        "Hold some data out, or choose settings that need no such scores.",
    ),
    "GR-CLI-001": Page(
        "Unknown verb",
        "The first word after gradus is none of its verbs.",
        "Take the name that the message offers, or see `gradus --help`.",
    ),
    "GR-CLI-002": Page(
        "Arguments that do not fit",
        "An argument of the verb is unknown, missing or of the wrong type; the message quotes the parser.",
        "See `gradus VERB --help`.",
    ),
    "GR-CLI-003": Page(
        "Unknown job",
        "The job is none of ours, no folder with a job in it, and no module that exports JOB.",
        "List ours with `gradus jobs`; a job of your own is named by its folder.",
    ),
    "GR-CLI-004": Page(
        "Unknown recipe",
        "The part after the slash names no recipe of the job.",
        "List them with `gradus jobs`.",
    ),
    "GR-CLI-005": Page(
        "Module without a job",
        "The module could not be imported, or exports no JOB, or one that is no Job.",
        "Mend the import error in the message; `gradus new job NAME` writes a folder to compare with.",
    ),
    "GR-CLI-006": Page(
        "Option that the job does not have",
        "The verb has an option that needs something this recipe or run does not offer: data from a path, "
        "folds, a validation split.",
        "Leave the option out, or choose a recipe that offers it.",
    ),
    "GR-CLI-007": Page(
        "torchrun without --out",
        "Under torchrun every process must be told the same run folder; the default is named by the time.",
        "Give `--out`, or let `gradus train --devices N` start the processes.",
    ),
    "GR-BENCH-001": Page(
        "Record that does not hold",
        "A file among the benchmark records lacks a field, has one too many, or contradicts itself: a mean "
        "that is not that of its values, a name that is not that of its content.",
        "Write the record again with `gradus bench`. Records are not edited by hand.",
    ),
    "GR-BENCH-002": Page(
        "A run of the benchmark failed",
        "One of the trainings ended with an error, which the message quotes. No record was written.",
        "Run that training alone, as the message says, and mend what it tells.",
    ),
    "GR-BENCH-003": Page(
        "Record exists",
        "A recipe has one record a day and name, and today's is there already. It is not overwritten.",
        "Give `--name`, or remove the old record if it should not count.",
    ),
    "GR-BENCH-004": Page(
        "Setting that the benchmark sets itself",
        "A benchmark varies the seed or the fold, one of the two. The command gives both, or a value for it.",
        "Leave the setting out. For one chosen seed or fold use `gradus train`.",
    ),
    "GR-CLI-008": Page(
        "Name that a job cannot have",
        "A job's name becomes a Python package, and must differ from the jobs of gradus and from packages "
        "that are installed, which it would hide.",
        "Choose small letters, digits and underscores: my_job.",
    ),
    "GR-CLI-009": Page(
        "Folder exists",
        "`gradus new job` never writes over what is there.",
        "Choose another name, or move the folder away.",
    ),
    "GR-CLI-010": Page(
        "The system refuses a path",
        "A path cannot even be looked at: its name is too long for the file system, or it leads through a "
        "folder that is closed to you.",
        "Check the path, and who may read and write there.",
    ),
    "GR-RUN-001": Page(
        "Disk full",
        "A file could not be written for want of space. The last whole checkpoint of a run is untouched; a "
        "run that had none yet is taken away again.",
        "Free some space, then repeat the command, or `gradus resume RUN` if the run had begun.",
    ),
    "GR-RUN-002": Page(
        "Cannot write",
        "The operating system refused to write a file: a read-only folder, a path through a file.",
        "Give another place, such as another `--out`, or change the rights of the folder.",
    ),
    "GR-RUN-003": Page(
        "Unreadable JSON",
        "A file of a run folder is missing, is not JSON, or lacks what gradus wrote into it.",
        "Check the path, and restore the file from a backup. metrics.json and report.html can be removed: "
        "`gradus resume RUN` writes them again.",
    ),
    "GR-RUN-004": Page(
        "Out of memory",
        "The batch was halved until one item was left, or it cannot be split, and it still does not fit.",
        "Give a smaller `--train.batch`, a smaller model, or a device with more memory.",
    ),
    "GR-RUN-005": Page(
        "Smaller micro-batches",
        "The device ran out of memory, so batches are computed in more pieces. The update stays the same.",
        "Nothing; `--train.micro-batches` sets the number from the start.",
    ),
    "GR-RUN-006": Page(
        "Damaged checkpoint passed over",
        "A checkpoint is truncated, changed, incomplete or missing; another one, mostly that before it, was "
        "used in its place. With `--strict` that is an error.",
        "Nothing, if the run may repeat those steps, or older weights will do. If it happens again, look at "
        "the disk.",
    ),
    "GR-RUN-007": Page(
        "No whole checkpoint",
        "The run has checkpoints and every one of them is damaged.",
        "Restore one from a backup, or train again from the recipe.",
    ),
    "GR-RUN-008": Page(
        "Loss is not a number",
        "The mean loss since the last line, or a weight that was to be saved, became infinite or NaN, so "
        "training was stopped. The last checkpoint is from before.",
        "Lower the rate, clip gradients, or train in fp32; then look at the data for odd values.",
    ),
    "GR-RUN-009": Page(
        "Folder holds a run",
        "`--out` names a folder with a run in it, or one that another process is just making.",
        "Resume that run, or give another `--out`.",
    ),
    "GR-RUN-010": Page(
        "Not a run folder",
        "The path holds no config.json, so it is no run of gradus.",
        "Give the path that `gradus train` printed first and last.",
    ),
    "GR-RUN-011": Page(
        "Run without a checkpoint",
        "The run was stopped before it saved anything, so there is no model to use yet.",
        "Go on with `gradus resume RUN`.",
    ),
    "GR-RUN-012": Page(
        "Run is busy",
        "Another process is training this run.",
        "Wait for it to end, or stop it.",
    ),
    "GR-RUN-013": Page(
        "Not an extension",
        "A run can be resumed to its own last step or extended to a later one, not shortened.",
        "Give a larger `--train.steps`, or train anew.",
    ),
    "GR-RUN-014": Page(
        "Checkpoint of another model",
        "The checkpoint is whole and does not fit the model that config.json and plan.json describe: one of "
        "the two was changed, or the checkpoints are those of another run.",
        "Undo the change, or train again from the recipe.",
    ),
    "GR-RUN-015": Page(
        "Job of a run is not named",
        "A run of a job of your own is opened with that job, which the command names: what a run folder "
        "says is compared, and never imported, for then opening a run of somebody else would run its code.",
        "Give `--job PATH` with the job that the run was trained with.",
    ),
    "GR-RUN-016": Page(
        "Stream ended",
        "A job's stream gave its last batch before the run had taken all of its steps.",
        "Let the stream begin again after its last batch, or give fewer `--train.steps`.",
    ),
    "GR-RUN-017": Page(
        "Warm-up as long as the run",
        "The rate rises from the first step to the last, so the schedule after the warm-up never begins.",
        "Give a shorter `--train.warmup`, or more `--train.steps`.",
    ),
    "GR-RUN-018": Page(
        "Folder with other files",
        "`--out` names a folder that gradus did not make and that is not empty. A run in it would be mixed "
        "up with what is there.",
        "Give another `--out`, such as a new folder inside it.",
    ),
    "GR-RUN-019": Page(
        "Data have changed",
        "The data that a run reads are not those that it was begun with. Its splits stay as they were: items "
        "that came since are not used, so nothing that was trained on is scored as test. Where items were "
        "removed or changed, training cannot go on to the same result, and is refused; so is a score on rows "
        "that follow each other.",
        "Restore the data, or train anew on those of now.",
    ),
    "GR-RUN-020": Page(
        "Settings were edited",
        "The config.json or plan.json of a run says otherwise than when its weights were saved: another "
        "seed, batch, precision or decision. To go on so would be neither of the two runs.",
        "Undo the change, or train anew with the other setting.",
    ),
    "GR-RUN-021": Page(
        "Threads of the run",
        "A sum has other last bits with another number of threads, so a run goes on with the number that it "
        "began with, which `plan.json` keeps, whatever OMP_NUM_THREADS says now.",
        "Nothing. To train with another number of threads, train anew.",
    ),
    "GR-RUN-022": Page(
        "A process of the run was ended",
        "One of several processes that share a run was ended by a signal: by the system when memory ran out, "
        "by somebody, or by a fault in a library. The others then end as well.",
        "Go on with `gradus resume RUN --devices N`; give it more memory, or fewer processes.",
    ),
}

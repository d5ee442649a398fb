.PHONY: setup smoke check test slow lint types docs bench look

setup:          ## install with the tests' tools, pinned
	python -m pip install -c constraints.txt -e '.[test]'

smoke:          ## the smallest recipe of every job, in seconds
	python -m gradus train image_classification/smoke --out $$(mktemp -d)/run

check:          ## hold every job to the contract
	python -m gradus check image_classification

test:           ## the fast tests
	pytest

slow:           ## minutes: kills, full disks, compilation, several processes
	pytest -m slow

lint:           ## style
	ruff check . && ruff format --check .

types:          ## strict types on core and engine
	mypy

docs:           ## write generated pages and tables again
	python docs/generate.py

bench:          ## the records of the default recipe, and the engine's overhead
	python -m gradus bench image_classification/digits --seeds 3
	python bench/speed/overhead.py

look:           ## what stands out: long files, long functions
	python tests/architecture/look.py

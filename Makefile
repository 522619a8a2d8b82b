# The commands of the project. `make run` and `make test` install what they need.

.PHONY: run test lint bench attack kill differ

run:
	@sh scripts/install run
	cargo build --release --locked
	@./target/release/siaga demo

test:
	@sh scripts/install test
	pg_virtualenv -t -o fsync=off cargo test --locked

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- --deny warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; \
	else echo "cargo-deny is not installed: bans, licences and sources were not checked"; fi

# One or some of the figures: make bench FIGURES="page reports". What takes long is only measured
# when it is named: make bench FIGURES=browser-memory (8 minutes; SIAGA_BENCH_RUNS=100 for fewer)
bench:
	@sh scripts/install bench
	cargo bench --locked --bench figures -- $(FIGURES)

# What others meet while Siaga is attacked: make attack ATTACK="--only idle,guessing --seconds 10".
# Some minutes, on this machine's loopback only.
attack:
	@sh scripts/install attack
	cargo build --release --locked
	python3 -B scripts/attack target/release/siaga $(ATTACK)

# SIGKILL 200 times in the middle of uploads, on both databases, with the disk filling and with
# PostgreSQL failing over: is everything there that was acknowledged? Six minutes, and the build;
# SIAGA_KILLS=20 make kill for fewer. The disk that fills takes root.
kill:
	@sh scripts/install test
	cargo test --locked kills:: -- --ignored --nocapture

# The plain engine against a real browser: cases by seed, on both, which must do the same.
# make differ SEEDS=5000 (about half an hour), SEEDS=1200..1300 for some of them again.
differ:
	@sh scripts/install test
	SIAGA_SEEDS="$(SEEDS)" cargo test --locked differ:: -- --nocapture

# `make help` lists what there is.
.DEFAULT_GOAL := help

PYTHON ?= python3
CARGO ?= cargo
FUNCTIONS := webhook processor reminder schedule dispatcher admin

# Which deployed stack the operator's targets work on: `local` is the one of `make run`, any other is one on AWS.
STACK ?= local
CONNECTION ?= default
# `make deploy ENV=prod` takes that part of samconfig.toml.
ENV ?= default
TOOLS := $(PYTHON) tests/stack/tools.py
# On the local stack it is there already: `make run` built it.
PROGRAM := $(if $(filter local,$(STACK)),$${CARGO_TARGET_DIR:-target}/debug/operator,$(CARGO) run -q --locked -p operator --)
OPERATOR := $(PYTHON) tests/stack/env.py $(STACK) $(PROGRAM)

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s%s\n", $$1, $$2 }' Makefile

.PHONY: run
run: ## Starts the whole stack on this machine and plays a story on it; Ctrl-C stops it (KEEP=1 keeps the last state)
	@exec $(PYTHON) tests/stack/run.py $(if $(KEEP),--keep) $(if $(PORT),--port $(PORT)) $(if $(SANDBOX_PORT),--sandbox-port $(SANDBOX_PORT))

.PHONY: test
test: ## Every test, the story end to end on a stack of its own, then made-up calls of the API
	@$(TOOLS)
	@$(MAKE) --no-print-directory verify-signatures verify-contracts
	@$(TOOLS) emulator
	.tools/emulator/bin/python -m unittest discover -s tests/stack
	$(CARGO) test --locked --workspace
	$(PYTHON) tests/stack/run.py --check
	@$(MAKE) --no-print-directory fuzz-api

.PHONY: verify-signatures
verify-signatures: ## Our webhooks' signatures, checked by the official libraries of npm and PyPI
	@$(TOOLS) verify
	@mkdir -p .local
	$(CARGO) run -q --locked -p signing --example deliveries > .local/deliveries.jsonl
	.tools/verify/bin/python tests/stack/verify_deliveries.py .local/deliveries.jsonl
	.tools/verify/bin/node tests/stack/verify_deliveries.mjs .local/deliveries.jsonl

.PHONY: verify-contracts
verify-contracts: ## The OpenAPI document and the tools, as a linter, a client generator and three vendors' SDKs take them
	@$(TOOLS) verify
	.tools/verify/bin/python tests/stack/verify_contracts.py shared/api/openapi.json shared/api/tools.json

.PHONY: fuzz-api
fuzz-api: ## Calls the API of a local stack with made-up values, by schemathesis (SEED=… EXAMPLES=… OPERATION=…; URL=… with API_KEY)
	@$(TOOLS) fuzz
	$(PYTHON) tests/stack/fuzz_api.py $(if $(SEED),--seed $(SEED)) $(if $(EXAMPLES),--examples $(EXAMPLES)) \
	  $(if $(OPERATION),--operation $(OPERATION)) $(if $(URL),--url "$(URL)")

.PHONY: check
check: export SAM_CLI_TELEMETRY := 0
check: ## Format, lints, documentation, dependencies, template, age of the rules of countries
	@$(TOOLS) deploy cargo-deny
	@$(PYTHON) tests/stack/checked.py begin
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps
	.tools/cargo-deny/bin/cargo-deny --locked check bans licenses sources
	@$(PYTHON) tests/stack/checked.py advisories
	.tools/deploy/bin/sam validate --lint --language-extensions --region eu-west-1
	.tools/deploy/bin/cfn-lint template.yaml
	$(PYTHON) tests/stack/country_rules.py
	@$(PYTHON) tests/stack/checked.py passed
	@echo "all checks passed"

.PHONY: build
build: ## Release binaries for this machine: target/lambda/<function>/bootstrap
	$(CARGO) build --locked --release $(FUNCTIONS:%=-p %)
	@set -e; for name in $(FUNCTIONS); do \
	  mkdir -p "target/lambda/$$name"; \
	  cp "$${CARGO_TARGET_DIR:-target}/release/$$name" "target/lambda/$$name/bootstrap"; \
	  ls -l "target/lambda/$$name/bootstrap"; done

.PHONY: package
package: ## The arm64 binaries for AWS: target/package/<function>/bootstrap, and a zip of each
	@$(TOOLS)
	$(PYTHON) tests/stack/package.py

.PHONY: checked
checked:
	@$(PYTHON) tests/stack/checked.py verify

.PHONY: deploy
deploy: checked package ## Deploys to AWS what `make check` has passed; ENV=prod for prod. The first time: make deploy VAI_API_URL=https://… PARAMETERS="AlarmEmail=…"
	@$(TOOLS) deploy
	$(PYTHON) tests/stack/package.py --check
	@$(PYTHON) tests/stack/checked.py verify
	SAM_CLI_TELEMETRY=0 .tools/deploy/bin/sam deploy --config-env $(ENV) \
	  --parameter-overrides Stage=$(if $(filter prod,$(ENV)),prod,dev) \
	  $(if $(VAI_API_URL),"VaiApiUrl=$(VAI_API_URL)") $(PARAMETERS)

.PHONY: connect
connect: ## Connects Calendly; credentials on standard input (STACK=vai-calendly-dev for a stack on AWS, CONNECTION=… ROTATE=1, or ROTATE=now for a key that leaked)
	$(if $(filter-out 1 now,$(ROTATE)),$(error say when the old key ends: ROTATE=1 or ROTATE=now))
	@$(PYTHON) tests/stack/env.py $(STACK) sh -c 'exec $(PROGRAM) \
	  connect --connection $(CONNECTION) --webhook-url "$${URL:-$$WEBHOOK_URL}" $(if $(ROTATE),--rotate$(if $(filter now,$(ROTATE)),=now)) \
	  $(if $(CALENDLY_API_URL),--calendly-api-url $(CALENDLY_API_URL))'

.PHONY: settings
settings: ## Checks and writes a connection's settings: make settings FILE=… [STACK=…] [CONNECTION=…]
	$(if $(FILE),,$(error say which: make settings FILE=…))
	@$(OPERATOR) settings --file "$(FILE)" --connection $(CONNECTION)

.PHONY: preview
preview: ## Shows messages as people would get them, with their price (MESSAGE= LANGUAGE= CHANNEL= FILE= EVENT_TYPE= HTML=folder STACK=)
	@$(TOOLS)
	@$(if $(filter file,$(origin STACK)),$(CARGO) run -q --locked -p operator -- preview,$(OPERATOR) preview --deployed) \
	  --connection $(CONNECTION) $(if $(FILE),--file "$(FILE)") $(if $(MESSAGE),--message "$(MESSAGE)") \
	  $(if $(LANGUAGE),--language "$(LANGUAGE)") $(if $(CHANNEL),--channel "$(CHANNEL)") \
	  $(if $(EVENT_TYPE),--event-type "$(EVENT_TYPE)") $(if $(HTML),--html "$(HTML)")

.PHONY: api-key
api-key: ## Lists the keys of our API; NAME=vai-1 [SCOPES=read,book] [TRUSTED=1] makes one, REMOVE=vai-1 removes it
	@$(OPERATOR) api-key $(if $(REMOVE),remove --name "$(REMOVE)",$(if $(NAME),add --name "$(NAME)"$(if $(SCOPES), --scopes "$(SCOPES)")$(if $(filter 1,$(TRUSTED)), --trusted),list)) --connection $(CONNECTION)

.PHONY: doctor
doctor: ## Checks a deployed stack and says what to do: make doctor [STACK=…]
	@$(PYTHON) tests/stack/env.py $(STACK) .tools/deploy/bin/python tests/stack/alarms.py
	@$(OPERATOR) doctor --connection $(CONNECTION)

.PHONY: try-live
try-live: ## Books a real meeting on a stack, waits for webhook and messages, cancels it (EVENT_TYPE= EMAIL= [PHONE=] [ANSWERS=] [STACK=])
	$(if $(EVENT_TYPE),,$(error say which: make try-live EVENT_TYPE="Quick Consultation" EMAIL=you@example.com STACK=…))
	$(if $(EMAIL),,$(error say who: make try-live EVENT_TYPE="$(EVENT_TYPE)" EMAIL=you@example.com STACK=…))
	@$(PYTHON) tests/stack/env.py $(STACK) .tools/deploy/bin/python tests/stack/try_live.py \
	  --event-type "$(EVENT_TYPE)" --email "$(EMAIL)" --connection $(CONNECTION) \
	  $(if $(PHONE),--phone "$(PHONE)") $(if $(ANSWERS),--answers '$(ANSWERS)')

.PHONY: explain
explain: ## Shows everything that is known of a booking: make explain BOOKING=… [STACK=…]
	$(if $(BOOKING),,$(error say which: make explain BOOKING=…))
	@$(OPERATOR) explain "$(BOOKING)" --connection $(CONNECTION)

.PHONY: unhandled-events
unhandled-events: ## Lists Calendly's events that are not acted on ([SINCE=7d] [STACK=…]); SHOW=id prints one: personal data
	@$(OPERATOR) unhandled-events --connection $(CONNECTION) $(if $(SHOW),--show "$(SHOW)",$(if $(SINCE),--since "$(SINCE)"))

.PHONY: oauth-app
oauth-app: ## Stores our OAuth app at Calendly, a JSON object on standard input ([STACK=…])
	@$(OPERATOR) oauth-app

.PHONY: check-statistics
check-statistics: ## Compares the statistics of webhook endpoints with their attempts ([ENDPOINT=…] [STACK=…])
	@$(OPERATOR) check-statistics --connection $(CONNECTION) $(if $(ENDPOINT),--endpoint "$(ENDPOINT)")

.PHONY: invoke-schedule
invoke-schedule: ## Invokes the local stack's schedule function: make invoke-schedule EVENT=events/schedule/book.json
	$(if $(EVENT),,$(error say which: make invoke-schedule EVENT=events/schedule/book.json))
	@$(PYTHON) tests/stack/env.py local $(PYTHON) tests/stack/invoke.py schedule "$(EVENT)"

.PHONY: tunnel-filter
tunnel-filter: ## A port for an HTTPS tunnel that passes webhooks to the local stack, and nothing else (PORT=4580)
	@exec $(PYTHON) tests/stack/env.py local $(PYTHON) tests/stack/tunnel_filter.py $(PORT)

.PHONY: catch
catch: export WEBHOOK_SECRET := $(SECRET)
catch: ## Prints the webhooks that arrive on a port, and checks their signatures (PORT=4575 SECRET=whsec_… KEYS_URL=…)
	@exec $(PYTHON) events/receiver/catch.py $(if $(PORT),--port $(PORT))

.PHONY: bench
bench: ## What the webhook and a delivery cost beside an empty function, and a booking beside Calendly: time, memory, calls
	@$(MAKE) --no-print-directory build FUNCTIONS="webhook dispatcher empty schedule"
	@$(CARGO) run -q --release --locked -p bench -- starts
	@$(PYTHON) tests/bench/book.py

.PHONY: faults
faults: ## A million bookings, while webhooks are lost and functions die (BOOKINGS=… SEED=… EXPLAIN=number)
	@$(CARGO) run -q --locked --profile faults -p faults -- $(if $(BOOKINGS),--bookings $(BOOKINGS)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(EXPLAIN),--explain $(EXPLAIN))

.PHONY: chaos
chaos: ## 50 bookings on a local stack while its functions are killed at random; up to twelve minutes (SEED=…)
	@$(TOOLS)
	$(PYTHON) tests/stack/chaos.py $(if $(SEED),--seed $(SEED))

.PHONY: outages
outages: ## Takes each service outside down for a while on a local stack; 40 minutes (SERVICE=sqs DOWN=80 SEED=…)
	@$(TOOLS)
	$(PYTHON) tests/stack/outages.py $(if $(SERVICE),--service $(SERVICE)) $(if $(DOWN),--down $(DOWN)) \
	  $(if $(SEED),--seed $(SEED))

.PHONY: attack
attack: ## 200 hostile meetings on the public page of a local stack, moved again and again, and a flood on every address (MEETINGS= MOVES= MINUTES= REQUESTS= SEED=)
	@$(TOOLS)
	$(PYTHON) tests/stack/attack.py $(if $(MEETINGS),--meetings $(MEETINGS)) $(if $(MOVES),--moves $(MOVES)) \
	  $(if $(MINUTES),--minutes $(MINUTES)) $(if $(REQUESTS),--requests $(REQUESTS)) $(if $(SEED),--seed $(SEED))

.PHONY: deliveries
deliveries: ## Webhooks to 50 endpoints on a local stack, some of them bad; half an hour (KILLS=1 STREAMS=10 SEED=…)
	@$(TOOLS)
	$(PYTHON) tests/stack/deliveries.py $(if $(KILLS),--kills) $(if $(STREAMS),--streams $(STREAMS)) $(if $(SEED),--seed $(SEED))

.PHONY: replan
replan: ## 1,000 booked meetings on a local stack are planned again after a change of settings; five minutes (MEETINGS=…)
	@$(TOOLS)
	$(PYTHON) tests/stack/replan.py $(if $(MEETINGS),--meetings $(MEETINGS))

.PHONY: clean
clean: ## Removes everything built or installed here
	@$(CARGO) clean
	rm -rf .tools .local

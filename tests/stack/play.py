"""The story that `make run` and `make test` play on the running stack."""


def play(stack):
    print(f"page: {stack.sandbox}/   webhook: {stack.env['WEBHOOK_URL']}")

"""Which user has which identity: the rules of the developer guide, without I/O."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_devtoken.emulator import Behavior, Pool
from cognito_devtoken.emulator._identities import Identity, Login, anonymous, resolve
from cognito_devtoken.emulator._wire import Refusal


POOL = Pool(developer_provider="dev", public_providers=["google", "apple"])
OTHER = Pool("eu-west-1:0", developer_provider="dev")
ANA, BOB = Login("dev", "ana"), Login("dev", "bob")
GOOGLE, GOOGLE_2, APPLE = Login("google", "1"), Login("google", "2"), Login("apple", "1")
MERGE = Behavior(public_login_of_another_identity="merge")


class Directory:
    """What the service stores between decisions."""

    def __init__(self) -> None:
        self.identities: dict[str, Identity] = {}
        self.owners: dict[tuple[Pool, Login], str] = {}

    def ask(
        self,
        *logins: Login,
        identity_id: str | None = None,
        pool: Pool = POOL,
        behavior: Behavior = Behavior(),  # noqa: B008
    ) -> str:
        changed = resolve(
            self.identities,
            self.owners,
            pool=pool,
            identity_id=identity_id,
            logins=logins,
            behavior=behavior,
        )
        self.store(changed)
        return changed[0].identity_id

    def store(self, changed: Iterable[Identity]) -> None:
        for identity in changed:
            self.identities[identity.identity_id] = identity
            for login in identity.logins:
                self.owners[identity.pool, login] = identity.identity_id

    def unauthenticated(self) -> str:
        identity = anonymous(POOL, len(self.identities))
        self.store([identity])
        return identity.identity_id

    def refused(self, *logins: Login, **options: object) -> str:
        before = dict(self.identities), dict(self.owners)
        with pytest.raises(Refusal) as caught:
            self.ask(*logins, **options)  # type: ignore[arg-type]
        assert (self.identities, self.owners) == before
        return caught.value.code


@pytest.fixture
def directory() -> Directory:
    return Directory()


def test_a_new_user_gets_an_identity_and_keeps_it(directory: Directory) -> None:
    ana = directory.ask(ANA)

    assert ana == directory.ask(ANA)
    assert ana != directory.ask(BOB)
    assert ana.startswith("us-east-1:")


def test_an_identity_id_is_the_same_in_every_run(directory: Directory) -> None:
    assert directory.ask(ANA) == Directory().ask(ANA)


def test_logins_that_look_alike_when_joined_have_different_identities(directory: Directory) -> None:
    assert directory.ask(Login("a", "b c")) != directory.ask(Login("a b", "c"))


def test_the_same_name_in_another_pool_is_another_identity(directory: Directory) -> None:
    assert directory.ask(ANA) != directory.ask(ANA, pool=OTHER)


def test_more_logins_are_linked_to_the_same_identity(directory: Directory) -> None:
    ana = directory.ask(ANA, GOOGLE)

    assert directory.ask(GOOGLE) == directory.ask(ANA) == ana
    assert directory.ask(ANA, APPLE) == ana
    assert directory.ask(APPLE) == ana


def test_a_new_user_is_linked_to_the_identity_of_the_public_login(directory: Directory) -> None:
    google = directory.ask(GOOGLE)

    assert directory.ask(ANA, GOOGLE) == google
    assert directory.ask(ANA) == google


def test_an_unauthenticated_identity_is_upgraded(directory: Directory) -> None:
    guest = directory.unauthenticated()

    assert directory.ask(ANA, identity_id=guest) == guest
    assert directory.ask(ANA) == guest


def test_a_registered_user_cannot_take_over_a_guest(directory: Directory) -> None:
    directory.ask(ANA)
    guest = directory.unauthenticated()

    code = directory.refused(ANA, identity_id=guest)

    assert code == "DeveloperUserAlreadyRegisteredException"


def test_linking_another_name_to_an_identity_requires_one_of_its_logins(
    directory: Directory,
) -> None:
    ana = directory.ask(ANA, GOOGLE)

    assert directory.refused(BOB, identity_id=ana) == "NotAuthorizedException"
    assert directory.ask(BOB, GOOGLE, identity_id=ana) == ana
    assert directory.ask(BOB) == directory.ask(ANA) == ana


def test_an_identity_of_another_user_is_refused(directory: Directory) -> None:
    ana = directory.ask(ANA)
    directory.ask(BOB)

    assert directory.refused(BOB, identity_id=ana) == "DeveloperUserAlreadyRegisteredException"


def test_an_unknown_identity_is_not_found(directory: Directory) -> None:
    assert directory.refused(ANA, identity_id="us-east-1:0") == "ResourceNotFoundException"


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "NotAuthorizedException"])
def test_an_identity_of_another_pool_is_refused_with_the_configured_code(
    directory: Directory, code: str
) -> None:
    elsewhere = directory.ask(ANA, pool=OTHER)
    behavior = Behavior(identity_of_another_pool_code=code)

    assert directory.refused(ANA, identity_id=elsewhere, behavior=behavior) == code


def test_a_public_login_of_another_identity_is_a_conflict(directory: Directory) -> None:
    ana = directory.ask(ANA)
    directory.ask(GOOGLE)

    assert directory.refused(ANA, GOOGLE) == "ResourceConflictException"
    assert directory.refused(ANA, GOOGLE, identity_id=ana) == "ResourceConflictException"


def test_a_public_login_of_another_identity_can_merge_the_two(directory: Directory) -> None:
    ana = directory.ask(ANA)
    google = directory.ask(GOOGLE, APPLE)

    assert directory.ask(ANA, GOOGLE, behavior=MERGE) == ana
    assert directory.ask(APPLE) == directory.ask(GOOGLE) == ana
    assert directory.refused(ANA, identity_id=google) == "NotAuthorizedException"


def test_an_identity_has_one_login_of_a_public_provider(directory: Directory) -> None:
    directory.ask(ANA, GOOGLE)

    assert directory.refused(ANA, GOOGLE_2) == "ResourceConflictException"


def test_subjects_are_not_shown() -> None:
    assert "ana" not in repr(ANA)


@given(
    st.lists(
        st.tuples(
            st.sets(st.sampled_from([ANA, BOB, GOOGLE, GOOGLE_2, APPLE]), min_size=1, max_size=3),
            st.none() | st.integers(0, 5),
        ),
        max_size=12,
    ),
    st.sampled_from([Behavior(), MERGE]),
)
def test_a_login_never_has_two_identities(
    requests: list[tuple[set[Login], int | None]], behavior: Behavior
) -> None:
    directory = Directory()
    for logins, number in requests:
        known = [*directory.identities, directory.unauthenticated()]
        identity_id = None if number is None else known[number % len(known)]
        try:
            answer = directory.ask(*logins, identity_id=identity_id, behavior=behavior)
        except Refusal:
            continue
        assert identity_id in (None, answer)
        assert directory.ask(*logins, identity_id=answer, behavior=behavior) == answer
        assert {directory.owners[POOL, login] for login in logins} == {answer}

    for identity in directory.identities.values():
        assert identity.enabled or not identity.logins
        for login in identity.logins:
            assert directory.owners[POOL, login] == identity.identity_id

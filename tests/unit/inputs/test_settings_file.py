from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_hads.exceptions import InputErrors
from airflow_provider_hads.inputs import parse_settings, settings_from_json, settings_to_json
from airflow_provider_hads.inputs.settings_keys import known_keys
from airflow_provider_hads.model.settings import Ec2Settings, InputSettings, SchedulerSettings, Settings
from airflow_provider_hads.planning import planner_names

PLANNERS = ", ".join(dict.fromkeys([*planner_names(), "packing"]))
ORIGINAL = (Path(__file__).parent / "files" / "setup.cfg").read_text(encoding="utf-8")


def parsed(text: str, **environ: str) -> Settings:
    return parse_settings(text, "setup.cfg", environ)


def lines_of(text: str, **environ: str) -> list[str]:
    with pytest.raises(InputErrors) as caught:
        parsed(text, **environ)
    return str(caught.value).splitlines()


def test_a_file_with_all_keys_of_the_original_is_honoured() -> None:
    settings = parsed(ORIGINAL, JOBS_FOLDER="/jobs")

    assert settings.ec2 == Ec2Settings(
        region="us-east-1",
        zone="us-east-1a",
        image_id="ami-0a1b2c3d4e5f60718",
        security_group="sg-0a1b2c3d4e5f60718",
        security_vpc_group="sg-0123456789abcdef0",
        key_name="batch-key",
        tag_key="project",
        tag_value="alignment",
        bucket_name="batch-results",
        vm_user="ubuntu",
        boot_overhead=60.0,
        hibernation_overhead=45.5,
        vcpu_limits=64,
    )
    assert settings.input == InputSettings(
        path="/jobs/small/", deadline_seconds=2700.0, ac_size_seconds=900.0, idle_slack_time=60.0
    )
    assert settings.application.app_local_path == "/jobs/small/app/"
    assert (settings.communication.repeat, settings.communication.retry_interval) == (5, 2.0)
    assert settings.docker.work_dir == "/home/ubuntu/data"
    assert settings.file_system.type == "s3"
    assert settings.scheduler == SchedulerSettings(name="ils", status_update_time=4.0)
    assert settings.checkpoint.with_checkpoint


def test_every_key_without_effect_has_a_note_that_says_what_to_use_instead() -> None:
    assert parsed(ORIGINAL, JOBS_FOLDER="/jobs").notes == (
        "setup.cfg: [ec2] aws_access_key, aws_access_key_id: no effect: "
        "credentials are not taken from files; put them into the Airflow connection",
        "setup.cfg: [ec2] vm_uid, vm_gid: no effect: no bucket is mounted on a VM: "
        "its runner uploads the results",
        "setup.cfg: [ec2] fs_dns: no effect: results are kept in a bucket, not in EFS",
        "setup.cfg: [ec2] home_path: no effect: there is no daemon to copy to a VM: "
        "its runner is part of this provider",
        "setup.cfg: [application] daemon_path, daemon_file: no effect: there is no daemon to copy to a VM: "
        "its runner is part of this provider",
        "setup.cfg: [database] host, database_name, dump_dir, with_dump: no effect: "
        "a run's state is kept in Airflow's own database; configure it in airflow.cfg",
        "setup.cfg: [communication] socket_port: no effect: VMs are reached over SSH only; "
        "no other port is opened",
        "setup.cfg: [logging] path, log_file, level: no effect: each task logs to its Airflow task log; "
        "configure it in airflow.cfg, section logging",
        "setup.cfg: [simulation] with_simulation, revocation_rate, resume_rate, sim_type: no effect: "
        "a run has real VMs; use the interruption parameters of the local cloud to try interruptions",
        "setup.cfg: [file_system] path: no effect: "
        "the runner has a folder of its own on each VM, /var/lib/hads",
        "setup.cfg: [file_system] device, size: no effect: "
        "results are kept in a bucket, not on a disk of their own",
        "setup.cfg: [file_system] ebs_delete: no effect: "
        "results are kept in a bucket, and disks are deleted with their VMs in any case",
        "setup.cfg: [scheduler] path: no effect: planners are part of this provider; choose one by name",
        "setup.cfg: [checkpoint] formulation: no effect: checkpoints are not taken yet",
        "setup.cfg: [notify] src_mail, dest_mail: no effect: no mail is sent from here; "
        "set a notifier or on_failure_callback in Airflow",
        "setup.cfg: [checkpoint] with_checkpoint: checkpoints are not taken yet: a lost task starts again",
        "setup.cfg: [input] ac_size_seconds, idle_slack_time: no effect: "
        "only the policies hads and burst-hads keep idle VMs",
        "setup.cfg: [ec2] hibernation_overhead: no effect yet: nothing is planned with resumed VMs",
        "setup.cfg: [checkpoint] period, overhead_factor: no effect yet: checkpoints are not taken",
    )


def test_a_policy_that_keeps_idle_vms_looks_at_the_allocation_cycle() -> None:
    assert parsed("[input]\nac_size_seconds = 600\n[scheduler]\npolicy = hads").notes == ()


def test_no_note_repeats_a_credential() -> None:
    notes = "\n".join(parsed(ORIGINAL, JOBS_FOLDER="/jobs").notes)
    assert "MADEUP" not in notes
    assert "made/up" not in notes


def test_every_known_key_is_honoured_or_has_a_note() -> None:
    values = {"with_simulation": "yes", "with_dump": "yes", "debug_mode": "yes", "ebs_delete": "yes"}
    honoured = {section: set(vars(part)) for section, part in vars(Settings()).items() if section != "notes"}
    for section, keys in known_keys().items():
        for key in set(keys) - honoured.get(section, set()):
            (note,) = parsed(f"[{section}]\n{key} = {values.get(key, 'x')}").notes
            assert note.startswith(f"setup.cfg: [{section}] {key}: no effect: ")


def test_an_empty_file_gives_the_defaults() -> None:
    assert parsed("") == Settings()


def test_a_key_without_a_value_counts_as_absent_and_is_noted() -> None:
    settings = parsed("[input]\ndeadline_seconds =\npath =\n[database]\nhost =\n")
    assert replace(settings, notes=()) == Settings()
    assert settings.notes == (
        "setup.cfg: [input] deadline_seconds, path: no value: taken as not set",
        "setup.cfg: [database] host: no value: taken as not set",
    )


def test_keys_in_capitals_and_a_byte_order_mark() -> None:
    assert parsed("\ufeff[input]\nDEADLINE_SECONDS: 200\n").input.deadline_seconds == 200


@pytest.mark.parametrize(
    ("written", "name"),
    [("CC", "cc"), ("cc", "cc"), ("Ipdps", "ils"), ("packing", "packing"), ("On-Demand", "on-demand")],
)
def test_planner_names(written: str, name: str) -> None:
    assert parsed(f"[scheduler]\nname = {written}").scheduler.name == name


@pytest.mark.parametrize(
    "image",
    [
        "synthetic",
        "synthetic:1.0_rc-1",
        "team/sub.group/my__sweep-2:Latest",
        "localhost:5000/sweep",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/sweep@sha256:" + "0" * 64,
        "ghcr.io/a/b:1@sha256:" + "f" * 64,
    ],
)
def test_every_name_that_docker_takes_is_an_images(image: str) -> None:
    assert parsed(f"[docker]\ndocker_image = {image}").docker.docker_image == image


@pytest.mark.parametrize("word", ["no", "False", "off", "0"])
def test_a_switch_that_is_off(word: str) -> None:
    settings = parsed(f"[scheduler]\nallow_parallel_execution = {word}\n[debug]\ndebug_mode = {word}")
    assert not settings.scheduler.allow_parallel_execution
    assert settings.notes == ()


def test_keys_of_the_ils_planner_without_it_have_a_note() -> None:
    assert parsed("[scheduler]\nalpha = 0.5\nmax_iteration = 10").notes == (
        "setup.cfg: [scheduler] max_iteration: no effect: only the planner ils looks at them",
        "setup.cfg: [scheduler] alpha: no effect: only the planner ils looks at it, "
        "and others where the objective weighted is chosen",
    )
    assert parsed("[scheduler]\nname = ils\nalpha = 0.5\nmax_iteration = 10").notes == ()


def test_a_policy_that_answers_no_loss_has_a_note_of_the_time_for_it() -> None:
    assert parsed("[scheduler]\nreaction = 60\npolicy = follow-plan").notes == (
        "setup.cfg: [scheduler] reaction: no effect while the run goes on: the policy follow-plan answers "
        "no loss; a plan that is made leaves it, a given one does not",
    )
    assert parsed("[scheduler]\nreaction = 60\npolicy = hads").notes == ()


@pytest.mark.parametrize("word", ["yes", "no"])
def test_disks_that_are_to_be_kept_are_not_kept_in_silence(word: str) -> None:
    (note,) = parsed(f"[file_system]\nebs_delete = {word}").notes
    assert note.endswith("disks are deleted with their VMs in any case")


@pytest.mark.parametrize(
    "groups",
    [
        "security_group = ssh\nsecurity_vpc_group = default",
        "security_group = sg-1\nsecurity_vpc_group = sg-2\nsubnet_id = subnet-1",
    ],
)
def test_security_groups_are_all_names_or_all_ids(groups: str) -> None:
    assert parsed(f"[ec2]\n{groups}").notes == ()


@pytest.mark.parametrize(("given", "used"), [("3600", 60.0), ("60.5", 60.0), ("60", 60.0), ("0.5", 0.5)])
def test_vms_are_looked_at_at_least_once_a_minute(given: str, used: float) -> None:
    """The original only writes a table at this interval, and its own file has an hour."""
    settings = parsed(f"[scheduler]\nstatus_update_time = {given}")

    assert settings.scheduler.look_interval == used
    assert settings.notes == (
        ()
        if float(given) <= 60
        else (
            f"setup.cfg: [scheduler] status_update_time: {given} s would be too late for losses: "
            "a run looks at its VMs every 60 s",
        )
    )


def test_a_tag_value_without_a_key_has_a_note() -> None:
    assert parsed("[ec2]\ntag_value = x").notes == (
        "setup.cfg: [ec2] tag_value: no effect: there is no tag_key",
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "[input]\ndeadline_seconds = soon",
            'input.deadline_seconds: "soon" is not right; it must be a number, more than 0 and at most 1e+09',
        ),
        (
            "[input]\ndeadline_seconds = 0",
            'input.deadline_seconds: "0" is not right; it must be a number, more than 0 and at most 1e+09',
        ),
        (
            "[input]\nac_size_seconds = nan",
            'input.ac_size_seconds: "nan" is not right; it must be a number, more than 0 and at most 86400',
        ),
        (
            "[ec2]\nboot_overhead = -1",
            'ec2.boot_overhead: "-1" is not right; it must be a number, at least 0 and at most 1e+09',
        ),
        (
            "[ec2]\nvcpu_limits = 2.5",
            'ec2.vcpu_limits: "2.5" is not right; it must be a whole number from 1 to 1000000000',
        ),
        (
            "[ec2]\nregion = Virginia",
            'ec2.region: "Virginia" is not right; it must be a region such as us-east-1',
        ),
        (
            "[ec2]\nregion = us-east-1\nzone = us-west-2a",
            'ec2.zone: "us-west-2a" is not in the region "us-east-1"',
        ),
        (
            "[ec2]\nregion = us-east-1\nzones = us-east-1a, us-west-2a",
            'ec2.zones: "us-west-2a" is not in the region "us-east-1"',
        ),
        (
            "[ec2]\nzones = us-east-1a, b",
            'ec2.zones: "us-east-1a, b" is not right; it must be '
            "availability zones such as us-east-1a, us-east-1b",
        ),
        (
            "[ec2]\nzones = us-east-1a,us-east-1a",
            'ec2.zones: "us-east-1a,us-east-1a" is not right; it must be '
            "availability zones such as us-east-1a, us-east-1b, each of them once",
        ),
        (
            "[ec2]\nzone = us-east-1a\nzones = us-east-1b",
            "ec2.zones: zone is in one zone; give zone or zones",
        ),
        (
            "[ec2]\nsubnet_id = subnet-1\nzones = us-east-1b",
            "ec2.zones: subnet_id is in one zone; give subnet_id or zones",
        ),
        (
            "[ec2]\nimage_id = ubuntu",
            'ec2.image_id: "ubuntu" is not right; it must be the id of an AMI, ami-...',
        ),
        (
            "[ec2]\nbucket_name = My_Bucket",
            'ec2.bucket_name: "My_Bucket" is not right; it must be a bucket name: '
            "3 to 63 lower-case letters, digits, single '.' and '-', and no IP address",
        ),
        (
            "[ec2]\nbucket_name = my..bucket",
            'ec2.bucket_name: "my..bucket" is not right; it must be a bucket name: '
            "3 to 63 lower-case letters, digits, single '.' and '-', and no IP address",
        ),
        (
            "[ec2]\nregion = us-east-1\nzone = us-east-10a",
            'ec2.zone: "us-east-10a" is not in the region "us-east-1"',
        ),
        (
            "[ec2]\ntag_key = hads:run",
            'ec2.tag_key: "hads:run" is not right; it must be a tag key of at most 128 characters, '
            "not 'Name', 'aws:...' or 'hads:...'",
        ),
        (
            "[communication]\nssh_port = 70000",
            'communication.ssh_port: "70000" is not right; it must be a whole number from 1 to 65535',
        ),
        (
            "[communication]\nuser = root; rm",
            'communication.user: "root; rm" is not right; it must be a Linux user name',
        ),
        (
            "[communication]\nkey_file = a.pem",
            "communication.key_path: key_file is given without key_path; "
            "give both (folder and file), or use an SSH connection",
        ),
        (
            "[docker]\ndocker_image = My Image",
            'docker.docker_image: "My Image" is not right; '
            "it must be the name of a Docker image, such as synthetic:1",
        ),
        *(
            (
                f"[docker]\ndocker_image = {image}",
                f'docker.docker_image: "{image}" is not right; '
                "it must be the name of a Docker image, such as synthetic:1",
            )
            for image in ("synthetic:", "a//b", "a/", "a:1:2", "a..b", "team/Sweep:1", "a@sha256:1", "a:-1")
        ),
        *(
            (
                f"[docker]\nwork_dir = {folder}",
                f'docker.work_dir: "{folder}" is not right; '
                "it must be another folder than /, which Docker mounts nothing as; such as /work",
            )
            for folder in ("/", "//")
        ),
        (
            "[docker]\nwork_dir = work",
            "docker.work_dir: \"work\" is not right; it must be an absolute path without '..'",
        ),
        (
            "[file_system]\ntype = ebs",
            'file_system.type: "ebs" is not right; '
            "it must be s3: results are kept in a bucket; ebs and efs are not supported",
        ),
        (
            "[scheduler]\nname = heft",
            'scheduler.name: "heft" is not right; '
            f"it must be a planner: {PLANNERS} or ipdps (the same as ils)",
        ),
        (
            "[checkpoint]\nwith_checkpoint = perhaps",
            "checkpoint.with_checkpoint: \"perhaps\" is not right; it must be 'yes' or 'no'",
        ),
        (
            "[input]\njob_file = job.json ; the job",
            'input.job_file: "job.json ; the job" has a comment after the value; '
            "give comments a line of their own",
        ),
        (
            '[ec2]\nregion = "us-east-1"',
            'ec2.region: "\\"us-east-1\\"" is quoted; write the value without quotes',
        ),
        (
            "[ec2]\nregion = us-east-1\n  zone = us-east-1a",
            "ec2.region: the value spans several lines; write it on one, and start each key in column 1",
        ),
        (
            "[input]\npath = $NOWHERE/job",
            "input.path: \"$NOWHERE/job\" names the environment variable 'NOWHERE', which is not set; set it",
        ),
        (
            "[input]\npath = ${EMPTY}",
            'input.path: "${EMPTY}" becomes empty, or not printable, by its environment variables; '
            "set them right",
        ),
        ("[ec2]\nregoin = us-east-1", "ec2.regoin: unknown key; did you mean 'region'?"),
        ("[ec2]\ndocker_image = x", "ec2.docker_image: unknown key; it belongs into [docker]"),
        ("[ec2]\nqqqq = x", "ec2.qqqq: unknown key; remove it"),
        ("[ec2]\nqqqq =", "ec2.qqqq: unknown key; remove it"),
        (
            "[ec2]\nsecurity_group = ssh\nsecurity_vpc_group = sg-1",
            'ec2.security_group: "ssh" is a name; with security_vpc_group, EC2 takes ids only: '
            "give the group's, sg-...",
        ),
        (
            "[ec2]\nsecurity_group = sg-1\nsecurity_vpc_group = ssh",
            'ec2.security_vpc_group: "ssh" is a name; with security_group, EC2 takes ids only: '
            "give the group's, sg-...",
        ),
        (
            "[ec2]\nsecurity_group = ssh\nsubnet_id = subnet-1",
            'ec2.security_group: "ssh" is a name; with subnet_id, EC2 takes ids only: '
            "give the group's, sg-...",
        ),
        ("[EC2]\nregion = us-east-1", "[EC2]: unknown section; did you mean 'ec2'?"),
        (
            "[ec2]\nregion = us-east-1\nregion = us-east-2",
            "ec2.region: line 3 gives this key again; keep one",
        ),
        ("[ec2]\n[ec2]\n", "[ec2]: line 2 begins this section again; put its keys into the first"),
        ("region = us-east-1", "line 1: a key stands before the first section, such as [ec2]"),
        ("[ec2]\naws_access_key hunter2", "line 2: this is no section, comment or 'key = value'"),
    ],
)
def test_bad_settings(line: str, message: str) -> None:
    assert lines_of(line, EMPTY="") == [f"setup.cfg: {message}"]


def test_a_default_section_is_refused() -> None:
    (line,) = lines_of("[DEFAULT]\nregion = us-east-1")
    assert line.startswith("setup.cfg: [DEFAULT]: unknown section; known are ec2, input, ")


def test_all_problems_are_reported_at_once() -> None:
    lines = lines_of("[ec2]\nregion = 1\nx = 1\n[input]\npath = $A\n[nope]\nx = 1\n")
    assert [line.split(": ")[1] for line in lines] == ["ec2.x", "[nope]", "ec2.region", "input.path"]


def test_a_misspelt_credential_is_not_repeated() -> None:
    assert "hunter2" not in "\n".join(lines_of("[ec2]\naws_acess_key = hunter2"))


def test_settings_survive_the_way_through_json() -> None:
    settings = parsed(ORIGINAL, JOBS_FOLDER="/jobs")
    assert settings_from_json(settings_to_json(settings)) == settings


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "settings.json: the file is empty; it must hold a JSON object"),
        ('{"ec2": 5}', "settings.json: ec2: 5 is not an object ({...})"),
        ('{"ec2": {"vcpu_limits": "5"}}', 'settings.json: ec2.vcpu_limits: "5" is not a whole number'),
    ],
)
def test_settings_json_that_is_something_else(text: str, line: str) -> None:
    with pytest.raises(InputErrors) as caught:
        settings_from_json(text)
    assert str(caught.value) == line


def test_what_an_environment_variable_holds_is_not_repeated() -> None:
    (line,) = lines_of("[ec2]\nregion = $REGION", REGION="hunter2")
    assert line == (
        'setup.cfg: ec2.region: "$REGION" (with its environment variables) is not right; '
        "it must be a region such as us-east-1"
    )


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AIRFLOW_CONN_AWS",
        "AIRFLOW__CORE__FERNET_KEY",
        "db_password",
    ],
)
def test_a_variable_that_may_hold_a_secret_is_refused(name: str) -> None:
    """What setup.cfg sets goes into tags, logs and the bucket; who drops a folder need not know secrets."""
    (line,) = lines_of(f"[ec2]\ntag_key = a\ntag_value = ${{{name}}}", **{name: "hunter2"})
    assert f"names the environment variable '{name}', which may hold a secret" in line
    assert "hunter2" not in line


def test_airflows_home_is_no_secret() -> None:
    assert parsed("[input]\npath = $AIRFLOW_HOME/jobs", AIRFLOW_HOME="/opt").input.path == "/opt/jobs"

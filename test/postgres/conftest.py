# SPDX-License-Identifier: Apache-2.0
"""PAWL_BUILD    the build folder under test; build
PAWL_SEED     the random scripts' first seed; the same ones without it, "random": any
PAWL_SCRIPTS  how many of them; 60
"""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "stores"), str(HERE.parent / "live")]

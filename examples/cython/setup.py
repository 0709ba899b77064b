"""Build camera.pyx: ``python setup.py build_ext --inplace && python run.py``.

It takes bnfast, Cython, setuptools and a C compiler; nothing of bnfast is linked.
"""

from Cython.Build import cythonize
from setuptools import setup

setup(name="camera", ext_modules=cythonize("camera.pyx", language_level=3))
